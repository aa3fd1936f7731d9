//! Ctrl-C and termination leave no temporary files behind.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, Once, PoisonError},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

static TEMPORARIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();

/// Removes the file or directory at `path` when the program is interrupted, hung up or terminated.
/// The program then ends by that signal, as it would have.
pub(crate) fn remove_on_signal(path: &Path) {
    TEMPORARIES.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    // Only now: a command that makes no temporary files needs no thread.
    WATCH.call_once(watch);
}

/// Without handlers (the kernel refused them) a signal still ends the program; it only tidies less.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let _detached = std::thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            for path in TEMPORARIES.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            }
            let _ = emulate_default_handler(signal);
        }
    });
}
