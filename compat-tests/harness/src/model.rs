use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use crate::S3;

/// What is under a key. What a body holds follows from its number alone, so that only the number is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// The body of this number.
    Body(u64),
}

/// What must be found under the keys of one bucket, whatever befalls the server: what was acknowledged, or what
/// was asked for since then, whole. Each key has one writer, who asks one thing at a time.
#[derive(Debug, Default)]
pub struct Model(Mutex<BTreeMap<String, Expected>>);

/// What may be found under a key: the last state that was acknowledged, and all that were asked for since.
#[derive(Debug, Clone)]
struct Expected {
    acknowledged: State,
    in_doubt: Vec<State>,
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.states().clone()))
    }
}

impl Model {
    /// To be told before it is asked for.
    pub fn ask(&self, key: &str, state: State) {
        let mut states = self.states();
        let expected = states
            .entry(key.to_owned())
            .or_insert(Expected { acknowledged: State::Absent, in_doubt: Vec::new() });
        expected.in_doubt.push(state);
    }

    /// It was acknowledged: settles what was asked before it.
    pub fn acknowledged(&self, key: &str, state: State) {
        let settled = Expected { acknowledged: state, in_doubt: Vec::new() };
        self.states().insert(key.to_owned(), settled);
    }

    /// Every key that was ever asked for.
    pub fn keys(&self) -> Vec<String> {
        self.states().keys().cloned().collect()
    }

    /// The keys that may be in more than one state.
    pub fn keys_in_doubt(&self) -> Vec<String> {
        let states = self.states();
        let in_doubt = states.iter().filter(|(_, expected)| !expected.in_doubt.is_empty());
        in_doubt.map(|(key, _)| key.clone()).collect()
    }

    /// The state that is there must be the acknowledged one or one of those in doubt; whichever `is_there`, is
    /// settled now. An error: none is; those that might have been.
    pub fn settle(&self, key: &str, is_there: impl Fn(State) -> bool) -> Result<State, String> {
        let mut states = self.states();
        let expected = states.get_mut(key).ok_or_else(|| format!("{key}: never asked for"))?;
        let candidates = expected.in_doubt.iter().chain([&expected.acknowledged]);
        let Some(state) = candidates.rev().copied().find(|state| is_there(*state)) else {
            return Err(format!("{key}: none of {expected:?}"));
        };
        *expected = Expected { acknowledged: state, in_doubt: Vec::new() };
        Ok(state)
    }

    /// Gets an object and settles its state. An error says what was lost or wrong.
    pub async fn check(
        &self,
        s3: &S3,
        bucket: &str,
        key: &str,
        body: impl Fn(u64) -> Vec<u8>,
    ) -> Result<State, String> {
        let found = s3.get(bucket, key).await;
        let is_there = |state| match state {
            State::Absent => found.status == 404 && found.code() == "NoSuchKey",
            State::Body(number) => found.status == 200 && found.body == body(number),
        };
        let wrong =
            |error| format!("{error}, but {}, {} bytes {}", found.status, found.body.len(), found.code());
        self.settle(key, is_there).map_err(wrong)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, Expected>> {
        self.0.lock().expect("not poisoned")
    }
}
