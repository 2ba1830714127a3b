//! What a good answer to a request is, one expectation after the other.

use super::RequestSpec;
use crate::plan::load::expect::{ExpectedCount, ExpectedSection, ExpectedValue};

impl RequestSpec {
    /// An answer without this JSON pointer in it is a failure.
    #[must_use]
    pub fn expect_present(mut self, pointer: &str) -> Self {
        self.expect.present.push(pointer.to_owned());
        self
    }

    /// An answer that has something else at this JSON pointer is a failure. `json` is the value as
    /// JSON, in which `{id}` and `{request}` are replaced:
    ///
    /// ```
    /// use squall::plan::RequestSpec;
    ///
    /// RequestSpec::get("/products/{id}")
    ///     .expect_equal("/id", "{id}")
    ///     .expect_equal("/sku", r#""P-{id}""#)
    ///     .expect_equal("/related", "[{id}1, {id}2]");
    /// ```
    #[must_use]
    pub fn expect_equal(mut self, pointer: &str, json: impl Into<String>) -> Self {
        let expected = ExpectedValue { pointer: pointer.to_owned(), json: json.into() };
        self.expect.equal.push(expected);
        self
    }

    /// An answer that has no list of so many elements at this JSON pointer is a failure.
    #[must_use]
    pub fn expect_count(mut self, pointer: &str, elements: usize) -> Self {
        self.expect.counts.push(ExpectedCount { pointer: pointer.to_owned(), elements });
        self
    }

    /// What is at this JSON pointer may be left out of an answer that
    /// [names it](Self::degraded_by) as `name`. Then all that is expected of it and of what is
    /// within it does not count. An answer that leaves it out and does not name it is a failure,
    /// and so is one that names it and has it, or names what is no section.
    #[must_use]
    pub fn expect_section(mut self, name: &str, pointer: &str) -> Self {
        let section = ExpectedSection { name: name.to_owned(), pointer: pointer.to_owned() };
        self.expect.sections.push(section);
        self
    }

    /// An error that is not of this media type counts as no answer. Upper and lower case are the
    /// same, and parameters of the answer that are not named here do not count.
    #[must_use]
    pub fn expect_error_type(mut self, media_type: &str) -> Self {
        self.expect.error_type = Some(media_type.to_owned());
        self
    }

    /// An answer in which the list at this JSON pointer is not empty is degraded. The list has
    /// names; an answer without one has left out nothing.
    #[must_use]
    pub fn degraded_by(mut self, pointer: &str) -> Self {
        self.expect.degraded = Some(pointer.to_owned());
        self
    }
}
