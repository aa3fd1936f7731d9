//! What the repository promises about itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_architecture_names_every_crate() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("| `crates/{name}` |")), "{name} is not on the map");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = vec![root().join("docs")];
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        pages.push(root().join(name));
    }
    let mut checked = 0;
    while let Some(page) = pages.pop() {
        if page.is_dir() {
            pages.extend(fs::read_dir(&page).unwrap().map(|entry| entry.unwrap().path()));
        } else if page.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{page:?}: {e}"));
            for link in links(&text) {
                let target = page.parent().unwrap().join(link);
                assert!(target.exists(), "{}: {link}", page.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "{checked} links");
}

/// The targets of `[text](target)` that are paths, without fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.split('#').next().unwrap_or(link))
        .filter(|link| !link.is_empty() && !link.contains("://"))
}

#[test]
fn only_sys_has_unsafe_code() {
    let mut directories: Vec<PathBuf> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "sys"))
        .map(|path| path.join("src"))
        .collect();
    let mut files = 0;
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("unsafe {") && !text.contains("unsafe_code"), "{path:?}");
                files += 1;
            }
        }
    }
    assert!(files > 30, "{files} files");
}
