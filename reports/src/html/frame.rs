//! What each chart has besides its lines: a title, a legend, a scale, and what is shaded.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::scale::{HEIGHT, Scale, WIDTH, place, x};
use crate::{view::Flat, words};

/// Colours of lines, and ways to draw a line, that the style knows.
const COLOURS: usize = 8;
const DASHES: usize = 4;

/// What the lines of a chart are.
pub(super) struct Lines<'a> {
    pub(super) title: &'a str,
    pub(super) scale: &'a Scale,
    /// A value in words.
    pub(super) shown: &'a dyn Fn(f64) -> String,
    /// Classes of lines and what they are.
    pub(super) legend: &'a [(String, String)],
    /// What has no line of its own.
    pub(super) flat: &'a [Flat],
}

/// What is laid over a chart: stretches of time, and their names.
pub(super) struct Over {
    pub(super) bands: Markup,
    pub(super) names: Markup,
}

pub(super) fn frame(lines: &Lines<'_>, marks: &Markup, over: &Over) -> Markup {
    html! {
        figure.chart tabindex="0" {
            figcaption {
                (lines.title)
                @for (class, name) in lines.legend {
                    span.key { (swatch(class)) (name) }
                }
                @for flat in lines.flat {
                    span.key title=(flat.hosts.join(", ")) { (flat.text()) }
                }
            }
            div.row {
                div.gutter {
                    @for tick in lines.scale.ticks() {
                        @let top = lines.scale.y(tick) / HEIGHT * 100.0;
                        span.tick style=(format!("top:{}%", place(top))) {
                            ((lines.shown)(tick))
                        }
                    }
                }
                div.layers {
                    svg.plot viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                        role="img" aria-label=(lines.title) {
                        @for tick in lines.scale.ticks() {
                            @let y = place(lines.scale.y(tick));
                            line.grid x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
                        }
                        (over.bands)
                        (marks)
                    }
                    div.names aria-hidden="true" { (over.names) }
                }
            }
        }
    }
}

/// What stands before a name in a legend: a piece of the line, if it is one of several.
fn swatch(class: &str) -> Markup {
    if !class.starts_with("series-") {
        return html! { span.swatch.(class) {} };
    }
    html! {
        svg.sample viewBox="0 0 28 8" aria-hidden="true" { path.line.(class) d="M0 4H28" {} }
    }
}

/// What tells the lines of a chart apart: eight colours, and for each four ways to draw it. That is
/// more than there are lines.
pub(super) fn series(number: usize) -> String {
    format!("series-{} dash-{}", number % COLOURS, number / COLOURS % DASHES)
}

/// A line of steps, each `width` long, broken where there is nothing: of a run that was `end` long, on
/// an axis that is `axis` long.
pub(super) fn steps(
    values: impl Iterator<Item = Option<f64>>,
    width: u64,
    end: u64,
    axis: u64,
    scale: &Scale,
) -> String {
    let (mut path, mut drawing) = (String::new(), false);
    for (number, value) in (0_u64..).zip(values) {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let from = x(number.saturating_mul(width), axis);
        let until = x((number + 1).saturating_mul(width).min(end), axis);
        let command = if drawing { 'L' } else { 'M' };
        let y = place(scale.y(value));
        let _ = write!(path, "{command}{} {y}H{}", place(from), place(until));
        drawing = true;
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "drawn on a screen")]
pub(super) fn real(value: u64) -> f64 {
    value as f64
}

/// A tick of a scale of times.
pub(super) fn time(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a tick of a time axis"
    )]
    let nanos = value.max(0.0).round() as u64;
    words::time(nanos)
}
