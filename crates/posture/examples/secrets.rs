//! Searches a directory for secrets with the engine alone, in one thread: what the search costs.
//!
//!     cargo run --release -p cofferdam-posture --example secrets -- DIRECTORY

#![expect(clippy::print_stdout, reason = "a measuring program")]

use std::{fs, io, path::Path, time::Instant};

use cofferdam_posture::secret::Engine;

#[derive(Default)]
struct Totals {
    files: u64,
    bytes: u64,
    found: u64,
}

fn main() -> io::Result<()> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let show = std::env::args().nth(2).is_some();
    let root = Path::new(&root);
    let mut totals = Totals::default();
    let start = Instant::now();
    walk(root, root, show, &mut totals)?;
    let seconds = start.elapsed().as_secs_f64();
    let Totals { files, bytes, found } = totals;
    println!("{found} secrets in {files} files of {bytes} bytes in {seconds:.3} s");
    Ok(())
}

fn walk(root: &Path, directory: &Path, show: bool, totals: &mut Totals) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            walk(root, &path, show, totals)?;
        } else if kind.is_file() {
            let mut file = fs::File::open(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let outcome = Engine::shared().search(&name, &mut file)?;
            totals.files += 1;
            totals.bytes += entry.metadata()?.len();
            totals.found += outcome.found.len() as u64;
            for found in outcome.found.iter().filter(|_| show) {
                println!(
                    "{name}:{:?} {} {}…({})",
                    found.line, found.rule, found.shown, found.length
                );
            }
        }
    }
    Ok(())
}
