//! What the object of a run looks like, as a JSON Schema.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::RunReport;
use crate::SCHEMA;

/// The schema (draft 2020-12) of a [`RunReport`] as it is written: every field is there, and
/// fields that a reader does not know may come with a later version.
///
/// `reports/schema/run-report.schema.json` holds it for other programs.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<RunReport>();
    schema.insert("$id".to_owned(), json!(format!("urn:squall:run-report:{SCHEMA}")));
    schema.insert("title".to_owned(), json!("The report of a run of Squall"));
    schema.to_value()
}

#[cfg(test)]
mod tests;
