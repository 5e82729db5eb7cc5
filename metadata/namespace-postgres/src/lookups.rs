//! Lookups that come while others are under way, gathered into one statement: a statement for thirty objects costs
//! the server and us little more than one for three.
//!
//! No task of its own: whoever comes while a turn is free takes it and asks at once, for itself and for those who wait.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Questions of type `Q`, answers of type `A`, and at most so many turns at once.
pub(crate) struct Lookups<Q, A> {
    queue: Arc<Mutex<Queue<Q, A>>>,
}

struct Queue<Q, A> {
    free_turns: usize,
    /// One entry for each caller that waits, so as many as there are callers.
    waiting: VecDeque<Waiting<Q, A>>,
}

/// Somebody who waits.
pub(crate) struct Waiting<Q, A> {
    pub(crate) question: Q,
    signal: oneshot::Sender<Signal<Q, A>>,
}

enum Signal<Q, A> {
    Answer(A),
    /// Ask for yourself, and for those who came after you.
    Turn(Turn<Q, A>),
}

/// The right to ask. Dropped, it goes to whoever waits longest.
pub(crate) struct Turn<Q, A> {
    queue: Arc<Mutex<Queue<Q, A>>>,
}

/// What came of waiting.
pub(crate) enum Outcome<Q, A> {
    /// Somebody else asked.
    Answered(A),
    /// It is upon the caller to ask.
    Ask(Turn<Q, A>),
}

impl<Q: Clone, A> Lookups<Q, A> {
    pub(crate) fn new(turns: usize) -> Self {
        Self { queue: Arc::new(Mutex::new(Queue { free_turns: turns.max(1), waiting: VecDeque::new() })) }
    }

    /// At once with a turn where one is free. Cancel-safe: whoever goes away is passed over.
    pub(crate) async fn enter(&self, question: &Q) -> Outcome<Q, A> {
        loop {
            let signalled = {
                let mut queue = self.queue.lock();
                if let Some(left) = queue.free_turns.checked_sub(1) {
                    queue.free_turns = left;
                    return Outcome::Ask(Turn { queue: Arc::clone(&self.queue) });
                }
                let (signal, signalled) = oneshot::channel();
                queue.waiting.push_back(Waiting { question: question.clone(), signal });
                signalled
            };
            match signalled.await {
                Ok(Signal::Answer(answer)) => return Outcome::Answered(answer),
                Ok(Signal::Turn(turn)) => return Outcome::Ask(turn),
                Err(_) => {} // the one who asked for us went away: queue again
            }
        }
    }
}

impl<Q, A> Turn<Q, A> {
    /// Those who wait, at most so many, longest first.
    pub(crate) fn take(&self, most: usize) -> Vec<Waiting<Q, A>> {
        let mut queue = self.queue.lock();
        let count = queue.waiting.len().min(most);
        queue.waiting.drain(..count).filter(|waiting| !waiting.signal.is_closed()).collect()
    }
}

impl<Q, A> Waiting<Q, A> {
    /// Whoever went away is not told.
    pub(crate) fn answer(self, answer: A) {
        let _ = self.signal.send(Signal::Answer(answer));
    }
}

impl<Q, A> Drop for Turn<Q, A> {
    fn drop(&mut self) {
        let mut queue = self.queue.lock();
        while let Some(next) = queue.waiting.pop_front() {
            if next.signal.is_closed() {
                continue;
            }
            drop(queue); // a turn that cannot be handed over comes back here
            let turn = Turn { queue: Arc::clone(&self.queue) };
            let _ = next.signal.send(Signal::Turn(turn));
            return;
        }
        queue.free_turns += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::{
        task::JoinSet,
        time::{sleep, timeout},
    };

    use super::*;

    /// Asks for itself and all who wait; the answer to a number is its square. Tells how many it asked for.
    async fn square(lookups: &Lookups<u64, u64>, number: u64, statements: &AtomicUsize) -> u64 {
        match lookups.enter(&number).await {
            Outcome::Answered(answer) => answer,
            Outcome::Ask(turn) => {
                let waiting = turn.take(100);
                statements.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(10)).await;
                drop(turn);
                waiting.into_iter().for_each(|waiting| {
                    let answer = waiting.question * waiting.question;
                    waiting.answer(answer);
                });
                number * number
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_asked_for_together() {
        let lookups = Arc::new(Lookups::new(2));
        let statements = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for number in 0..50 {
            let (lookups, statements) = (Arc::clone(&lookups), Arc::clone(&statements));
            callers.spawn(
                async move { assert_eq!(square(&lookups, number, &statements).await, number * number) },
            );
        }
        callers.join_all().await;
        let statements = statements.load(Ordering::Relaxed);
        assert!((3..=4).contains(&statements), "{statements} statements for 50 lookups with two turns");
        assert_eq!(lookups.queue.lock().free_turns, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_takes_nobody_along() {
        let lookups = Arc::new(Lookups::new(1));
        let statements = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for number in 0..40 {
            let (lookups, statements) = (Arc::clone(&lookups), Arc::clone(&statements));
            callers.spawn(async move {
                let patience = Duration::from_millis(if number % 3 == 0 { number % 17 } else { 100_000 });
                let answer = timeout(patience, square(&lookups, number, &statements)).await;
                assert!(answer.is_ok_and(|answer| answer == number * number) || number % 3 == 0, "{number}");
            });
        }
        callers.join_all().await;
        assert_eq!(lookups.queue.lock().free_turns, 1, "no turn is lost");
        assert!(lookups.queue.lock().waiting.is_empty());
    }
}
