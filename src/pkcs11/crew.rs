//! Threads that make calls for others, so that a call that never returns keeps a thread of
//! this backend and not the caller's.
//!
//! A call cannot be taken back from a module: its thread is lost until it returns. What can
//! be had is that whoever asked gets an answer, and that nobody else waits for it.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::sync::lock;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(60);

type Job = Box<dyn FnOnce() + Send>;

/// The threads, made as they are needed.
#[derive(Default)]
pub(super) struct Crew {
    /// Of the threads without work the places to send some, last in first out.
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    next: u64,
    senders: Vec<(u64, SyncSender<Job>)>,
}

/// A call did not return in time, or no thread could be had for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    NoAnswer,
    NoThread,
}

impl Crew {
    /// Runs `work` on a thread of the crew and waits for it, for `deadline` at most. Work that
    /// takes longer goes on, and what it gives is dropped there.
    pub(super) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overdue> {
        let (sender, receiver) = sync_channel(1);
        self.start(Box::new(move || {
            // The receiver is gone if the deadline has passed.
            drop(sender.send(work()));
        }))?;
        match receiver.recv_timeout(deadline) {
            Ok(value) => Ok(value),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(Overdue::NoAnswer)
            }
        }
    }

    fn start(self: &Arc<Self>, mut job: Job) -> Result<(), Overdue> {
        loop {
            let Some((_, idle)) = lock(&self.idle).senders.pop() else {
                break;
            };
            match idle.try_send(job) {
                Ok(()) => return Ok(()),
                Err(back) => {
                    job = match back {
                        std::sync::mpsc::TrySendError::Full(job)
                        | std::sync::mpsc::TrySendError::Disconnected(job) => job,
                    }
                }
            }
        }
        let crew = Arc::clone(self);
        let thread = thread::Builder::new().name("strongroom-pkcs11".to_owned());
        let spawned = thread.spawn(move || crew.work(job));
        spawned.map(drop).map_err(|_| Overdue::NoThread)
    }

    /// A thread's life.
    fn work(&self, first: Job) {
        let mut job = first;
        loop {
            job();
            let (sender, receiver) = sync_channel(1);
            let id = {
                let mut idle = lock(&self.idle);
                idle.next += 1;
                let id = idle.next;
                idle.senders.push((id, sender));
                id
            };
            match self.next(id, &receiver) {
                Some(next) => job = next,
                None => return,
            }
        }
    }

    fn next(&self, id: u64, receiver: &Receiver<Job>) -> Option<Job> {
        if let Ok(job) = receiver.recv_timeout(IDLE) {
            return Some(job);
        }
        let mut idle = lock(&self.idle);
        if let Some(place) = idle.senders.iter().position(|(other, _)| *other == id) {
            idle.senders.remove(place);
            return None;
        }
        drop(idle);
        // Somebody has taken the place in this moment and is about to send.
        receiver.recv().ok()
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crew({} idle)", lock(&self.idle).senders.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_used_again() {
        let crew = Arc::new(Crew::default());
        let limit = Duration::from_secs(20);
        let first = crew.run(limit, || thread::current().id()).unwrap();
        // It becomes idle after it has answered.
        while lock(&crew.idle).senders.is_empty() {
            thread::yield_now();
        }
        assert_eq!(crew.run(limit, || thread::current().id()), Ok(first));
    }

    #[test]
    fn a_call_that_does_not_return_is_left_behind() {
        let crew = Arc::new(Crew::default());
        let (release, held) = sync_channel::<()>(0);
        let short = Duration::from_millis(20);
        let result = crew.run(short, move || held.recv().is_ok());
        assert_eq!(result, Err(Overdue::NoAnswer));
        assert_eq!(crew.run(Duration::from_secs(20), || 7), Ok(7));
        drop(release);
    }
}
