//! Reads the operating system and the package databases of a target, as `cofferdam scan` does, and
//! prints what came out and how long it took: to measure reading alone.
//!
//! `read TARGET [CACHE_DIRECTORY]`
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{error::Error, path::Path, time::Instant};

use cofferdam_image::{Interest, LayerCache, Limits, OpenOptions, Target, open, read};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("usage: read TARGET [CACHE_DIRECTORY]")?;
    let cache = arguments.next().map(|directory| LayerCache::new(Path::new(&directory)));
    let interest = Interest {
        files: [
            "etc/os-release",
            "usr/lib/os-release",
            "etc/debian_version",
            "var/lib/dpkg/status",
            "lib/apk/db/installed",
            "usr/lib/apk/db/installed",
            "var/lib/rpm/rpmdb.sqlite",
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
        ]
        .map(str::to_owned)
        .into(),
        directories: vec!["var/lib/dpkg/status.d".to_owned()],
        ..Interest::default()
    };
    let start = Instant::now();
    let source = open(&Target::parse(&target)?, &OpenOptions::default())?;
    let reading = read(&source, &interest, &Limits::default(), cache.as_ref(), &())?;
    let elapsed = start.elapsed();
    for path in &interest.files {
        if let Some((content, layer)) = reading.tree.file(path) {
            println!("{path}: {} bytes, layer {layer}", content.len());
        }
    }
    for skipped in &reading.skipped {
        println!("skipped {}: {}", skipped.object, skipped.why);
    }
    println!("{} layers, {:.1} ms", reading.layers.len(), elapsed.as_secs_f64() * 1000.0);
    Ok(())
}
