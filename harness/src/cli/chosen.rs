//! The scenarios that somebody asks for by their names, or parts of these.

use super::Failure;
use crate::catalogue::{Catalogue, Listed};

/// The scenarios with one of these names, or with one of these in their name; all, if none is asked
/// for. Their plans are checked.
pub(super) fn chosen<'c>(
    catalogue: &'c Catalogue,
    filters: &[String],
) -> Result<Vec<&'c Listed>, Failure> {
    let scenarios = catalogue.scenarios();
    let contains = |filter: &String| {
        scenarios.iter().any(|listed| listed.scenario.name().contains(filter.as_str()))
    };
    if let Some(wrong) = filters.iter().find(|filter| !contains(filter)) {
        let names: Vec<_> = scenarios.iter().map(|listed| listed.scenario.name()).collect();
        return Err(Failure::bad_input(format!(
            "no scenario has {wrong:?} in its name; there are {}",
            names.join(", ")
        )));
    }
    let is_asked_for = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|filter| match catalogue.find(filter) {
                Some(_) => name == filter,
                None => name.contains(filter.as_str()),
            })
    };
    let chosen: Vec<&Listed> =
        scenarios.iter().filter(|listed| is_asked_for(listed.scenario.name())).collect();
    for listed in &chosen {
        let (scenario, name) = (&listed.scenario, listed.scenario.name());
        // Before its name leads to any file.
        scenario
            .check()
            .map_err(|error| Failure::bad_input(format!("{}: {name}: {error}", listed.source)))?;
    }
    Ok(chosen)
}
