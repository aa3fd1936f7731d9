use std::{
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use cofferdam_image as image;

const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);

/// One line on a terminal that says what is being done and how far it is.
///
/// Shared by threads; the line goes away when the value is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    task: String,
    done: u64,
    total: Option<u64>,
    drawn: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(visible: bool) -> Self {
        let state = State { task: String::new(), done: 0, total: None, drawn: None };
        Self { state: visible.then(|| Mutex::new(state)) }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let Some(state) = &self.state else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if state.drawn.is_none_or(|drawn| drawn.elapsed() >= BETWEEN_DRAWINGS) {
            state.drawn = Some(Instant::now());
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", state.line());
        }
    }
}

impl image::Progress for Progress {
    fn begin(&self, task: &str, total: Option<u64>) {
        self.change(|state| {
            *state = State { task: task.to_owned(), done: 0, total, drawn: state.drawn };
        });
    }

    fn advance(&self, bytes: u64) {
        self.change(|state| state.done = state.done.saturating_add(bytes));
    }
}

impl State {
    fn line(&self) -> String {
        let mega = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
        match self.total {
            Some(total) if total > 0 => {
                let percent = (u128::from(self.done) * 100 / u128::from(total)).min(100);
                format!("{} {percent} % of {} MB", self.task, mega(total))
            }
            _ if self.done > 0 => format!("{} {} MB", self.task, mega(self.done)),
            _ => self.task.clone(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let drawn = self.state.as_mut().is_some_and(|state| {
            state.get_mut().unwrap_or_else(PoisonError::into_inner).drawn.is_some()
        });
        if drawn {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_it_is() {
        let state = |done, total| State { task: "reading".into(), done, total, drawn: None };
        assert_eq!(state(0, None).line(), "reading");
        assert_eq!(state(1_250_000, None).line(), "reading 1.2 MB");
        assert_eq!(state(5_000_000, Some(10_000_000)).line(), "reading 50 % of 10.0 MB");
        assert_eq!(state(9, Some(3)).line(), "reading 100 % of 0.0 MB");
        assert_eq!(state(9, Some(0)).line(), "reading 0.0 MB");
    }
}
