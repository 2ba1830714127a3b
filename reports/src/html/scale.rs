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

/// How much higher than its highest value a chart is at least.
const HEADROOM: f64 = 1.05;

/// So many ticks of the time axis at the most.
const TICKS_MAX: u64 = 8;

/// How values become heights.
pub(super) enum Scale {
    /// From zero to this.
    Linear { most: f64 },
    /// From one power of ten to another.
    Log { from: f64, until: f64 },
}

impl Scale {
    /// From zero to a round number well above `most`: a line at the edge is no line.
    pub(super) fn linear(most: f64) -> Self {
        let wanted = most.max(1.0) * HEADROOM;
        let unit = 10_f64.powf(wanted.log10().floor());
        let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        let round = steps.iter().map(|step| step * unit).find(|round| *round >= wanted);
        Self::Linear { most: round.unwrap_or(10.0 * unit) }
    }

    /// From the power of ten below `least` to that well above `most`.
    pub(super) fn log(least: f64, most: f64) -> Self {
        let from = least.max(1.0).log10().floor();
        let until = (most.max(1.0) * HEADROOM).log10().ceil();
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

/// The time axis below the charts. The script draws it again when the window changes.
pub(super) fn axis(end: u64) -> Markup {
    html! {
        div.row.axis {
            span.gutter {}
            div #axis.instants { (instants(end)) }
        }
    }
}

/// A time axis below charts that stay as they are.
pub(super) fn fixed_axis(end: u64) -> Markup {
    html! {
        div.row.axis.fixed {
            span.gutter {}
            div.instants { (instants(end)) }
        }
    }
}

fn instants(end: u64) -> Markup {
    html! {
        @for at in ticks(end) {
            span.tick style=(format!("left:{}%", percent(at, end))) {
                @if at == 0 { "0" } @else { (words::time(at)) }
            }
        }
    }
}

/// Round instants of a run.
fn ticks(end: u64) -> Vec<u64> {
    let mut scale = 1_u64;
    loop {
        for step in [1, 2, 5].map(|step| scale.saturating_mul(step)) {
            if end / step <= TICKS_MAX {
                return (0..=end / step).map(|number| number * step).collect();
            }
        }
        scale = scale.saturating_mul(10);
    }
}

/// Where `at` is on the time axis, in percent of its length.
fn percent(at: u64, end: u64) -> String {
    words::decimal(x(at, end) / WIDTH * 100.0, 3)
}

/// What is laid over a plot or a strip from one instant to another. The script moves it along
/// when the window changes.
pub(super) fn placed(class: &str, (from, until): (u64, u64), end: u64, text: &str) -> Markup {
    let length = until.saturating_sub(from);
    html! {
        span.placed.(class) data-from=(from) data-until=(until) title=(text)
            style=(format!("left:{}%;width:{}%", percent(from, end), percent(length, end))) {
            (text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, Scale, WIDTH, ticks, x};

    #[test]
    fn ticks_are_round_and_within_the_run() {
        assert_eq!(ticks(0), [0]);
        assert_eq!(ticks(9_000), [0, 2_000, 4_000, 6_000, 8_000]);
        assert_eq!(ticks(400), [0, 50, 100, 150, 200, 250, 300, 350, 400]);
        assert!(ticks(u64::MAX).len() <= 9);
    }

    #[test]
    fn the_ends_of_a_scale_are_the_edges_of_the_chart() {
        assert!((x(5, 5) - WIDTH).abs() < 1e-9 && x(0, 0).abs() < 1e-9);
        for (scale, least, most) in [
            (Scale::linear(4_321.0), 0.0, 5_000.0),
            (Scale::linear(1_000.0), 0.0, 1_500.0),
            (Scale::linear(0.0), 0.0, 1.5),
            (Scale::log(1.5e6, 4e8), 1e6, 1e9),
            (Scale::log(1e6, 1e6), 1e6, 1e7),
            (Scale::log(1e6, 1e9), 1e6, 1e10),
        ] {
            assert!((scale.y(least) - HEIGHT).abs() < 1e-6, "{least}");
            assert!(scale.y(most).abs() < 1e-6, "{most}");
            let ticks = scale.ticks();
            assert!((ticks[0] - least).abs() < 1e-6 && ticks.len() >= 2, "{ticks:?}");
        }
    }
}
