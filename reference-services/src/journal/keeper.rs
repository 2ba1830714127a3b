//! The one task that has a state with its journal: it decides on what is durable, commits what it has
//! decided in batches, and answers then.
//!
//! While a batch is being synced, questions wait; what has come by then is the next batch. A question
//! about something that is in the batch waits for it to be committed, so that each decision rests on
//! what is durable, and a batch that fails leaves nothing to undo.

use std::{collections::BTreeSet, fmt};

use tokio::sync::{mpsc, oneshot};

use super::kept::{Kept, State};
use crate::alarm::alarm;

/// Questions that have not been taken yet; who asks another one waits.
const QUESTIONS_MAX: usize = 1024;

/// Questions that are decided together at the most.
const BATCH_MAX: usize = 1024;

/// Why there is no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// The disk refuses. Nothing was changed.
    Disk,
    /// The task has gone, which only the end of the process brings about.
    Gone,
}

/// The changes that a decision comes to, and the answer to whoever asked.
struct Decided<R> {
    changes: Vec<R>,
    answer: Answer,
}

/// Answers once it is known whether the changes are durable.
type Answer = Box<dyn FnOnce(Result<(), Undecided>) + Send>;

type Decide<S> = dyn FnOnce(&S, &[<S as State>::Record]) -> Decided<<S as State>::Record> + Send;

/// What is asked of a state.
pub(crate) struct Question<S: State> {
    /// What its changes are about; empty for what changes nothing.
    about: String,
    decide: Box<Decide<S>>,
}

/// Asks the task.
pub(crate) struct Keeper<S: State> {
    questions: mpsc::Sender<Question<S>>,
}

impl<S: State> Clone for Keeper<S> {
    fn clone(&self) -> Self {
        Self { questions: self.questions.clone() }
    }
}

impl<S: State> fmt::Debug for Keeper<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl<S: State + 'static> Keeper<S> {
    /// The two ends: for those who ask, and for [`keep`].
    pub(crate) fn new() -> (Self, mpsc::Receiver<Question<S>>) {
        let (questions, taken) = mpsc::channel(QUESTIONS_MAX);
        (Self { questions }, taken)
    }

    /// Has something decided about `about`: from the state and from what is in the batch, which is about
    /// other things, follow the changes and the answer. The changes are durable when it comes, and are
    /// one frame of the journal, and so all of them or none. That nobody waits for the answer any more
    /// stops nothing.
    pub(crate) async fn decide<A: Send + 'static>(
        &self,
        about: &str,
        decide: impl FnOnce(&S, &[S::Record]) -> (Vec<S::Record>, A) + Send + 'static,
    ) -> Result<A, Undecided> {
        let (sender, answered) = oneshot::channel();
        let decide = Box::new(move |state: &S, batch: &[S::Record]| {
            let (changes, answer) = decide(state, batch);
            let answer = move |committed: Result<(), Undecided>| {
                // Who does not wait any more will ask again.
                let _ = sender.send(committed.map(|()| answer));
            };
            Decided { changes, answer: Box::new(answer) }
        });
        let question = Question { about: about.to_owned(), decide };
        self.questions.send(question).await.map_err(|_| Undecided::Gone)?;
        answered.await.map_err(|_| Undecided::Gone)?
    }

    /// Looks at what is durable.
    pub(crate) async fn read<A: Send + 'static>(
        &self,
        read: impl FnOnce(&S) -> A + Send + 'static,
    ) -> Result<A, Undecided> {
        self.decide("", |state, _| (Vec::new(), read(state))).await
    }
}

/// Decides until nobody can ask any more. `seen` is told of the state after each batch, and whether the
/// disk took it.
pub(crate) async fn keep<S: State>(
    kept: Kept<S>,
    mut questions: mpsc::Receiver<Question<S>>,
    mut seen: impl FnMut(&S, Result<(), Undecided>),
) {
    let mut desk = Desk { kept, answers: Vec::new(), in_batch: BTreeSet::new() };
    seen(&desk.kept.state, Ok(()));
    loop {
        let next_probe = desk.kept.next_probe();
        let mut committed = Ok(());
        tokio::select! {
            biased;
            question = questions.recv() => match question {
                Some(question) => committed = committed.and(desk.take(question).await),
                None => return,
            },
            () = alarm(next_probe) => {}
        }
        for _ in 1..BATCH_MAX {
            if desk.kept.is_full() {
                break;
            }
            let Ok(question) = questions.try_recv() else { break };
            committed = committed.and(desk.take(question).await);
        }
        committed = committed.and(desk.commit().await);
        desk.kept.probe().await;
        seen(&desk.kept.state, committed);
    }
}

/// What the task works on.
struct Desk<S: State> {
    kept: Kept<S>,
    /// Those who wait for the batch.
    answers: Vec<Answer>,
    /// What the batch is about.
    in_batch: BTreeSet<String>,
}

impl<S: State> Desk<S> {
    /// Decides, and commits the batch before that if it is about the same.
    async fn take(&mut self, question: Question<S>) -> Result<(), Undecided> {
        let Question { about, decide } = question;
        let mut committed = Ok(());
        if self.in_batch.contains(&about) {
            committed = self.commit().await;
        }
        let Decided { changes, answer } = decide(&self.kept.state, self.kept.staged());
        if changes.is_empty() {
            answer(Ok(()));
            return committed;
        }
        changes.into_iter().for_each(|change| self.kept.stage(change));
        self.answers.push(answer);
        self.in_batch.insert(about);
        committed
    }

    /// Makes the batch durable, and answers.
    async fn commit(&mut self) -> Result<(), Undecided> {
        let changes = self.kept.staged().len();
        let committed = if changes == 0 { Ok(()) } else { self.kept.commit().await };
        let committed = committed.map_err(|error| {
            tracing::warn!(%error, changes, "the disk refused a batch");
            Undecided::Disk
        });
        self.in_batch.clear();
        for answer in std::mem::take(&mut self.answers) {
            answer(committed);
        }
        committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Access;

    /// What has been counted, by name.
    #[derive(Debug, Default)]
    struct Counts(std::collections::BTreeMap<String, usize>);

    impl State for Counts {
        type Record = String;

        fn apply(&mut self, name: String) {
            *self.0.entry(name).or_default() += 1;
        }

        fn observe(&self, _: &String, _: bool) {}

        fn snapshot(&self) -> Vec<String> {
            let each = |(name, times): (&String, &usize)| vec![name.clone(); *times];
            self.0.iter().flat_map(each).collect()
        }

        fn snapshot_bytes(&self) -> u64 {
            u64::MAX
        }
    }

    #[tokio::test]
    async fn each_decision_rests_on_what_is_durable_and_answers_when_it_is() {
        let folder = std::env::temp_dir().join(format!("{}-keeper", std::process::id()));
        let path = folder.join("counts.journal");
        let open = || Kept::open(&path, Counts::default(), u64::MAX, Access::Shared);
        let (keeper, questions) = Keeper::new();
        let kept = open().await.expect("an empty journal");
        let task = tokio::spawn(keep(kept, questions, |_: &Counts, committed| {
            assert_eq!(committed, Ok(()));
        }));
        // Two names in turn: what is about one never waits for the other, and sees all of its own.
        let asked = (0..100_usize).map(|nth| {
            let name = if nth % 2 == 0 { "a" } else { "b" };
            keeper.decide(name, move |counts: &Counts, batch| {
                assert!(batch.iter().all(|other| other != name));
                let before = counts.0.get(name).copied().unwrap_or_default();
                (vec![name.to_owned()], before)
            })
        });
        let answers = futures_util::future::join_all(asked).await;
        let expected: Vec<_> = (0..100).map(|nth| Ok(nth / 2)).collect();
        assert_eq!(answers, expected);
        let durable = open().await.expect("a good journal").state.0;
        assert_eq!(durable.into_iter().collect::<Vec<_>>(), [("a".into(), 50), ("b".into(), 50)]);
        drop(keeper);
        task.await.expect("it ends when nobody can ask any more");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
