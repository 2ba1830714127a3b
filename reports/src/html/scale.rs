//! From times and values to places on a chart.

use maud::{Markup, html};

use crate::words;

/// The width of every plot in its own units: the whole run.
pub(super) const WIDTH: f64 = 100_000.0;

/// The height of every plot in its own units.
pub(super) const HEIGHT: f64 = 1_000.0;

/// Where `at` is on the time axis.
#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
pub(super) fn x(at: u64, end: u64) -> f64 {
    at as f64 / end.max(1) as f64 * WIDTH
}

/// A number with no more places than a screen shows.
pub(super) fn place(value: f64) -> String {
    words::decimal(value, 1)
}

/// How values become heights.
pub(super) enum Scale {
    /// From zero to this.
    Linear { most: f64 },
    /// From one power of ten to another.
    Log { from: f64, until: f64 },
}

impl Scale {
    /// From zero to a round number above `most`.
    pub(super) fn linear(most: f64) -> Self {
        let unit = 10_f64.powf(most.max(1.0).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
        let round = steps.iter().map(|step| step * unit).find(|round| *round >= most);
        Self::Linear { most: round.unwrap_or(10.0 * unit) }
    }

    /// From the power of ten below `least` to that above `most`.
    pub(super) fn log(least: f64, most: f64) -> Self {
        let from = least.max(1.0).log10().floor();
        let until = most.max(1.0).log10().ceil();
        Self::Log { from, until: until.max(from + 1.0) }
    }

    /// Where `value` is, from the top.
    pub(super) fn y(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear { most } => value / most,
            Self::Log { from, until } => (value.max(1.0).log10() - from) / (until - from),
        };
        (1.0 - share.clamp(0.0, 1.0)) * HEIGHT
    }

    /// The values that are named beside the chart.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear { most } => vec![0.0, most / 2.0, *most],
            Self::Log { from, until } => {
                let mut ticks = Vec::new();
                let mut power = *from;
                while power <= *until {
                    ticks.push(10_f64.powf(power));
                    power += 1.0;
                }
                ticks
            }
        }
    }
}

/// The time axis below the charts. The script draws it anew when the window changes.
pub(super) fn axis(end: u64) -> Markup {
    html! {
        div.row.axis {
            span.gutter {}
            div #axis {
                @for part in 0..=4_u64 {
                    @let at = end / 4 * part;
                    span.tick style=(format!("left:{}%", part * 25)) { (words::time(at)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, Scale, WIDTH, x};

    #[test]
    fn the_ends_of_a_scale_are_the_edges_of_the_chart() {
        assert!((x(5, 5) - WIDTH).abs() < 1e-9 && x(0, 0).abs() < 1e-9);
        for (scale, least, most) in [
            (Scale::linear(4_321.0), 0.0, 5_000.0),
            (Scale::linear(0.0), 0.0, 1.0),
            (Scale::log(1.5e6, 4e8), 1e6, 1e9),
            (Scale::log(1e6, 1e6), 1e6, 1e7),
        ] {
            assert!((scale.y(least) - HEIGHT).abs() < 1e-6, "{least}");
            assert!(scale.y(most).abs() < 1e-6, "{most}");
            let ticks = scale.ticks();
            assert!((ticks[0] - least).abs() < 1e-6 && ticks.len() >= 2, "{ticks:?}");
        }
    }
}
