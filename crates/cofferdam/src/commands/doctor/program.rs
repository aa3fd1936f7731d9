//! The program that starts containers.

use std::{
    env,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::Check;

const NAME: &str = "cofferdam-runtime";

pub(super) fn check() -> Check {
    let Some(path) = find() else {
        return Check::missing(NAME, "not beside this program, in libexec/cofferdam or on PATH")
            .means("run does not work")
            .advice("install cofferdam-runtime beside cofferdam, or name it in COFFERDAM_RUNTIME")
            .needed_by_run();
    };
    let saw = path.display().to_string();
    let mut head = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    match read.map(|_| linkage(&head)) {
        Err(error) => Check::missing(NAME, format!("{saw}: {error}"))
            .means("run does not work")
            .advice("name one that can be read in COFFERDAM_RUNTIME, or unset that"),
        Ok(Linkage::Static) => Check::works(NAME, format!("{saw}, static")),
        Ok(Linkage::Dynamic) => Check::degraded(NAME, format!("{saw}, dynamic"))
            .means("run starts more slowly, and trusts the machine's libraries")
            .advice("build it with RUSTFLAGS='-C target-feature=+crt-static'"),
        Ok(Linkage::NoProgram) => {
            Check::missing(NAME, format!("{saw} is no program of this kind of machine"))
                .means("run does not work")
                .advice("install the one that came with cofferdam")
        }
    }
    .needed_by_run()
}

/// `COFFERDAM_RUNTIME`, else beside this program, in `../libexec/cofferdam`, on `PATH`.
fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os("COFFERDAM_RUNTIME").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).into_iter().flat_map(|directory| {
        [directory.join(NAME), directory.join("../libexec/cofferdam").join(NAME)]
    });
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = env::split_paths(&path).map(|directory| directory.join(NAME)).collect();
    beside.chain(on_path).find(|file| file.is_file())
}

/// As much of a program as holds its headers.
const HEAD: u64 = 64 << 10;

#[derive(Debug, PartialEq, Eq)]
enum Linkage {
    Static,
    Dynamic,
    NoProgram,
}

/// Whether an ELF file (elf(5)) wants an interpreter, which is what loads libraries.
fn linkage(head: &[u8]) -> Linkage {
    interpreter_wanted(head).map_or(Linkage::NoProgram, |wanted| {
        if wanted { Linkage::Dynamic } else { Linkage::Static }
    })
}

fn interpreter_wanted(head: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    // 64 bits, least significant byte first.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let offset = usize::try_from(u64::from_le_bytes(*head.get(32..)?.first_chunk()?)).ok()?;
    let size = usize::from(u16::from_le_bytes(*head.get(54..)?.first_chunk()?));
    let count = usize::from(u16::from_le_bytes(*head.get(56..)?.first_chunk()?));
    for index in 0..count {
        let at = index.checked_mul(size)?.checked_add(offset)?;
        let kind = u32::from_le_bytes(*head.get(at..)?.first_chunk()?);
        if kind == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 52]);
        }
        bytes
    }

    #[test]
    fn static_and_dynamic_programs_are_told_apart() {
        assert_eq!(linkage(&elf(&[6, 1, 2])), Linkage::Static);
        assert_eq!(linkage(&elf(&[6, 3, 1])), Linkage::Dynamic);
        assert_eq!(linkage(b"#!/bin/sh\n"), Linkage::NoProgram);
        let whole = elf(&[6, 1, 3]);
        for length in 0..whole.len() - 56 {
            assert_eq!(linkage(&whole[..length]), Linkage::NoProgram, "cut at {length}");
        }
    }

    #[test]
    fn this_test_is_a_program() {
        let mut head = Vec::new();
        let file = File::open(env::current_exe().unwrap()).unwrap();
        file.take(HEAD).read_to_end(&mut head).unwrap();
        assert_ne!(linkage(&head), Linkage::NoProgram);
    }
}
