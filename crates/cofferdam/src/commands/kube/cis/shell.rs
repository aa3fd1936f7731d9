//! `--allow-shell`: /bin/sh for what the interpreter does not know.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Time that a command may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of its output that are kept.
const OUTPUT_LIMIT: u64 = 8 << 20;
/// Time between two looks whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Runs a command: its exit status and both streams.
pub(super) fn run(command: &str) -> Result<(i32, String), String> {
    let failed = |error: std::io::Error| format!("/bin/sh could not run it: {error}");
    let (mut reader, writer) = std::io::pipe().map_err(failed)?;
    let mut child = Command::new("/bin/sh")
        .stdin(Stdio::piped())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer)
        .spawn()
        .map_err(failed)?;
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What is beyond the limit is thrown away, so that the command does not wait for a reader.
        let read = reader.by_ref().take(OUTPUT_LIMIT).read_to_end(&mut bytes);
        let rest = std::io::copy(&mut reader, &mut std::io::sink());
        // Nobody listens any more where the command took too long.
        let _ = sender.send(read.and(rest).map(|_| bytes));
    });
    if let Some(mut input) = child.stdin.take() {
        // A shell that ends before it has read all has its reasons.
        let _ = input.write_all(command.as_bytes());
    }
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if begun.elapsed() > TIME_LIMIT {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            return Err(format!("/bin/sh took more than {} seconds", TIME_LIMIT.as_secs()));
        }
        thread::sleep(LOOK_AGAIN);
    };
    // What it left running may hold its streams open.
    let bytes = printed.recv_timeout(TIME_LIMIT);
    let bytes = bytes.map_err(|_| "/bin/sh left something running that prints".to_owned())?;
    let output = String::from_utf8_lossy(&bytes.map_err(failed)?).into_owned();
    Ok((status.code().unwrap_or(-1), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_and_the_status_come_back() {
        assert_eq!(run("echo a; echo b >&2; exit 3").unwrap(), (3, "a\nb\n".to_owned()));
    }
}
