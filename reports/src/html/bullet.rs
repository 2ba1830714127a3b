//! What was observed against its bound, as a bar with a mark.
//!
//! A bar shows how much of what the bound allows was used: the mark is all of it, and what is beyond
//! the mark is too much. Of a share that must be high it is what may be missing that is used up: a
//! bar of 99.95 % against 99.9 % would show nothing. Where more is better and is no share, the bar
//! must reach the mark.

use maud::{Markup, html};

use super::{class_of, scale::place};
use crate::verdict::{Figures, Finding, Good};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 14.0;

/// Where the mark is. What is further to the right than there is room is drawn up to the edge.
const MARK: f64 = 80.0;

/// A bar that can be seen, of what is next to nothing.
const LEAST: f64 = 1.0;

/// The point of a bar that does not end where it is cut off.
const POINT: f64 = 6.0;

/// The bar of a finding, if it compares numbers.
pub(super) fn bullet(finding: &Finding) -> Markup {
    let share = match finding.figures {
        Some(figures) => used(figures),
        None => finding.margin.and_then(|margin| used_by(margin, &finding.bound)),
    };
    let Some(share) = share else { return Markup::default() };
    let wanted = share * MARK;
    let is_cut = wanted > WIDTH;
    let length = if wanted > 0.0 { wanted.clamp(LEAST, WIDTH) } else { 0.0 };
    let body = if is_cut { WIDTH - POINT } else { length };
    let text = format!("observed {}, bound {}", finding.observed, finding.bound);
    html! {
        svg.bullet.(class_of(finding.verdict)) viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
            role="img" aria-label=(text) {
            title { (text) }
            rect.track x="0" y="3" width=(WIDTH) height="8" {}
            rect.used x="0" y="3" width=(place(body)) height="8" {}
            @if is_cut {
                path.used d=(format!("M{} 0L{WIDTH} {}L{} {HEIGHT}Z", WIDTH - POINT, HEIGHT / 2.0, WIDTH - POINT)) {}
            }
            line.bound x1=(MARK) x2=(MARK) y1="0" y2=(HEIGHT) {}
        }
    }
}

/// How much was used of what the bound allows: 1 is all of it.
fn used(Figures { observed, bound, good }: Figures) -> Option<f64> {
    // Where all is wanted, nothing may be missing that could be used up.
    let is_share = (0.0..=1.0).contains(&observed) && (0.0..1.0).contains(&bound);
    let (used, allowed) = match good {
        Good::AtLeast if is_share => (1.0 - observed, 1.0 - bound),
        Good::AtMost | Good::AtLeast => (observed, bound),
    };
    if used.is_nan() || allowed.is_nan() {
        return None;
    }
    let share = match allowed > 0.0 {
        true => used / allowed,
        // Nothing is allowed, and nothing was used, or too much.
        false if used <= allowed => 0.0,
        false => f64::INFINITY,
    };
    Some(share.max(0.0))
}

/// The same from a record that has the margin alone.
fn used_by(margin: f64, bound: &str) -> Option<f64> {
    let share = if bound.starts_with("at most") {
        1.0 - margin
    } else if bound.starts_with("at least") {
        1.0 + margin
    } else {
        return None;
    };
    (!share.is_nan()).then_some(share.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::{bullet, used, used_by};
    use crate::{
        fixture,
        verdict::{Figures, Good},
    };

    #[track_caller]
    fn check(observed: f64, bound: f64, good: Good, expected: f64) {
        let used = used(Figures { observed, bound, good }).expect("a share");
        let is_close = (used - expected).abs() < 1e-9 || used.total_cmp(&expected).is_eq();
        assert!(is_close, "{used}, expected {expected}");
    }

    #[test]
    fn a_bar_is_what_was_used_of_the_allowed() {
        check(50e6, 200e6, Good::AtMost, 0.25);
        check(300e6, 200e6, Good::AtMost, 1.5);
        check(0.9995, 0.999, Good::AtLeast, 0.5);
        check(0.9, 0.999, Good::AtLeast, 100.0);
        check(6.0, 4.0, Good::AtLeast, 1.5);
        check(0.0, 0.0, Good::AtMost, 0.0);
        check(1.0, 1.0, Good::AtLeast, 1.0);
        check(-3.0, 4.0, Good::AtMost, 0.0);
        check(3.0, 0.0, Good::AtMost, f64::INFINITY);
        check(0.5, 1.0, Good::AtLeast, 0.5);
        assert_eq!(used_by(0.75, "at most 200 ms"), Some(0.25));
        assert_eq!(used_by(-0.909, "at least 99.9 %").map(|it| (it * 1e3).round()), Some(91.0));
        assert_eq!(used_by(0.5, "no more than before the load"), None);
    }

    #[test]
    fn a_bar_says_what_it_shows_and_ends_at_the_edge() {
        let mut finding = fixture::failed();
        let text = bullet(&finding).into_string();
        assert!(text.contains("aria-label=\"observed 154 ms, bound at most 100 ms\""), "{text}");
        assert!(text.contains("<svg class=\"bullet fail\"") && text.contains("<path"), "{text}");
        finding.figures = Some(Figures { observed: f64::MAX, bound: 1e-300, good: Good::AtMost });
        assert!(bullet(&finding).into_string().contains("width=\"114\""));
        finding.figures = Some(Figures { observed: f64::NAN, bound: 1.0, good: Good::AtMost });
        assert_eq!(bullet(&finding).into_string(), "");
        (finding.figures, finding.margin) = (None, None);
        assert_eq!(bullet(&finding).into_string(), "");
    }
}
