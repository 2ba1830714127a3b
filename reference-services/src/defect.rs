//! Planted mistakes of a service: an enumeration with names for configuration, command line and
//! catalogue.

/// Defines `Defect`, whose variants have a name and say what is wrong in one line.
macro_rules! defects {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $description:literal;)+) => {
        /// A planted mistake. All are off by default; a harness that cannot catch one is worth
        /// nothing.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize,
            serde::Deserialize,
        )]
        #[non_exhaustive]
        pub enum Defect {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Defect {
            /// Every defect.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in configuration.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What is wrong, in one line.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $description,)+
                }
            }
        }

        impl std::fmt::Display for Defect {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for Defect {
            type Err = crate::defect::UnknownDefect;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().find(|defect| defect.name() == name);
                known.copied().ok_or_else(|| {
                    let names: Vec<&str> = Self::ALL.iter().map(|defect| defect.name()).collect();
                    crate::defect::UnknownDefect::new(&names, name)
                })
            }
        }
    };
}

pub(crate) use defects;

/// No defect of the service has this name.
#[derive(Debug, thiserror::Error)]
#[error("expected a defect ({known}), found `{found}`")]
pub struct UnknownDefect {
    known: String,
    found: String,
}

impl UnknownDefect {
    pub(crate) fn new(known: &[&str], found: &str) -> Self {
        Self { known: known.join(", "), found: found.to_owned() }
    }
}
