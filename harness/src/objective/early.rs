//! Restrictions that are given before the bound: `availability().in_phase(..).at_least(0.99)` is
//! the same objective as `availability().at_least(0.99).in_phase(..)`.
//!
//! A builder keeps what was said of the objective that it is not yet, and gives it to the one that
//! its bound makes.

use squall_reports::record::{Outcome, Phase};

use super::{
    AmplificationBuilder, Answers, BetweenBuilder, BudgetBuilder, ConcurrencyBuilder,
    GoodputBuilder, LatencyBuilder, LevelBuilder, Matching, NeverAfterBuilder, Objective, Over,
    PaceBuilder, RecoveryBuilder, Scope, ShareBuilder, spans,
};

/// What was said of an objective before it had its bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Early {
    /// Which part of the run, if somebody has said so: else it is the claim's own choice.
    over: Option<Over>,
    /// All other restrictions.
    scope: Scope,
    title: Option<String>,
}

impl Early {
    /// The objective with what was said of it before.
    pub(super) fn give_to(self, objective: Objective) -> Objective {
        let Scope { over, outcomes, .. } = objective.scope;
        let chosen = self.scope.outcomes.is_empty();
        let scope = Scope {
            over: self.over.unwrap_or(over),
            outcomes: if chosen { outcomes } else { self.scope.outcomes },
            ..self.scope
        };
        Objective { claim: objective.claim, scope, title: self.title }
    }
}

/// The methods of [`Objective`] that restrict or name it, for builders with a field `early`.
macro_rules! restricted_before_the_bound {
    ($($builder:ident),+ $(,)?) => {
        $(
            /// Restrictions, which may also be given after the bound.
            impl $builder {
                /// Only for `phase`, as [`Objective::in_phase`].
                pub fn in_phase(self, phase: Phase) -> Self {
                    self.in_phases([phase])
                }

                /// For each of `phases` by itself, as [`Objective::in_phases`].
                pub fn in_phases(self, phases: impl IntoIterator<Item = Phase>) -> Self {
                    self.over(Over::Phases(phases.into_iter().collect()))
                }

                /// For each phase by itself, as [`Objective::in_every_phase`].
                pub fn in_every_phase(self) -> Self {
                    self.over(Over::EachPhase)
                }

                /// Only during this operation, as [`Objective::in_operation`].
                pub fn in_operation(self, label: impl Into<String>) -> Self {
                    self.over(Over::Operation(label.into()))
                }

                /// For each operation by itself, as [`Objective::during_operations`].
                pub fn during_operations(self) -> Self {
                    self.over(Over::EachOperation)
                }

                /// For the run as a whole, as [`Objective::over_the_run`].
                pub fn over_the_run(self) -> Self {
                    self.over(Over::Run)
                }

                /// Only for this route, as [`Objective::on_route`].
                pub fn on_route(mut self, route: impl Into<String>) -> Self {
                    self.early.scope.route = Some(route.into());
                    self
                }

                /// For the calls to a dependency, as [`Objective::to_dependency`].
                pub fn to_dependency(self, name: impl Into<String>) -> Self {
                    self.of_calls(spans("call").with("dependency", name))
                }

                /// For the calls that spans stand for, as [`Objective::of_calls`].
                pub fn of_calls(mut self, calls: impl Into<Matching>) -> Self {
                    self.early.scope.calls = Some(calls.into());
                    self
                }

                /// Only on this host, as [`Objective::on_host`].
                pub fn on_host(mut self, host: impl Into<String>) -> Self {
                    self.early.scope.host = Some(host.into());
                    self
                }

                /// With boot and warm-up, as [`Objective::including_boot`].
                pub fn including_boot(mut self) -> Self {
                    self.early.scope.boot = true;
                    self
                }

                /// Only for these outcomes, as [`Objective::with_outcomes`].
                pub fn with_outcomes(
                    mut self,
                    outcomes: impl IntoIterator<Item = Outcome>,
                ) -> Self {
                    self.early.scope.outcomes = outcomes.into_iter().collect();
                    self
                }

                /// Gives it a name of its own in reports, as [`Objective::named`].
                pub fn named(mut self, title: impl Into<String>) -> Self {
                    self.early.title = Some(title.into());
                    self
                }

                fn over(mut self, over: Over) -> Self {
                    self.early.over = Some(over);
                    self
                }
            }
        )+
    };
}

restricted_before_the_bound!(
    AmplificationBuilder,
    Answers,
    BetweenBuilder,
    BudgetBuilder,
    ConcurrencyBuilder,
    GoodputBuilder,
    LatencyBuilder,
    LevelBuilder,
    NeverAfterBuilder,
    PaceBuilder,
    RecoveryBuilder,
    ShareBuilder,
);
