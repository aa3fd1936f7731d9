//! What [`cofferdam_vuln::inventory()`] makes of trees.

use cofferdam_image::{Entry, Kind, Tree};
use cofferdam_vuln::{Inventory, inventory};

const DEBIAN: &str =
    "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

fn tree(files: &[(&str, usize, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, layer, text) in files {
        let kind = Kind::File(text.as_bytes().into());
        tree.insert(*path, Entry { kind, layer: *layer });
    }
    tree
}

fn look(files: &[(&str, usize, &str)]) -> Inventory {
    inventory(&tree(files), &["sha256:base".into(), "sha256:top".into()])
}

fn gaps(inventory: &Inventory) -> Vec<String> {
    let line = |gap: &cofferdam_finding::Gap| format!("{}: {}: {}", gap.rule, gap.object, gap.why);
    inventory.gaps.iter().map(line).collect()
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.packages.iter().map(|package| package.name.as_str()).collect()
}

#[test]
fn a_debian_package_carries_source_layer_location_and_purl() {
    let found = look(&[
        ("etc/os-release", 0, DEBIAN),
        (
            "var/lib/dpkg/status",
            1,
            "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n\
             Source: glibc (2.36-9)\nVersion: 2.36-9+deb12u3+b1\nDescription: C library\n more\n\n",
        ),
    ]);
    assert_eq!(gaps(&found), [""; 0]);
    assert_eq!(found.distribution.unwrap().ecosystem().as_deref(), Some("Debian:12"));
    let package = &found.packages[0];
    assert_eq!((&*package.source.name, &*package.source.version), ("glibc", "2.36-9"));
    assert_eq!(package.layer.as_deref(), Some("sha256:top"));
    assert_eq!(package.location, "var/lib/dpkg/status");
    assert_eq!(
        package.purl,
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u3%2Bb1?arch=amd64&distro=debian-12&upstream=glibc%402.36-9"
    );
}

#[test]
fn states_in_which_files_are_on_the_disk_count_as_installed() {
    let stanza = |name: &str, status: &str| {
        format!("Package: {name}\nStatus: {status}\nVersion: 1\nDescription: x\n\n")
    };
    let status = [
        stanza("a", "install ok installed"),
        stanza("b", "hold ok installed"),
        stanza("c", "deinstall ok config-files"),
        stanza("d", "install ok unpacked"),
        stanza("e", "install ok half-configured"),
        stanza("f", "install ok triggers-pending"),
        stanza("g", "unknown ok not-installed"),
        stanza("h", "install reinstreq half-installed"),
    ]
    .concat();
    let found = look(&[("etc/os-release", 0, DEBIAN), ("var/lib/dpkg/status", 0, &status)]);
    assert_eq!(names(&found), ["a", "b", "d", "e", "f"]);
    assert_eq!(
        gaps(&found),
        ["package-database-damaged: var/lib/dpkg/status: package h: its installation was \
          interrupted; some of its files may be present"]
    );
}

#[test]
fn damaged_stanzas_are_reported_and_the_rest_is_kept() {
    let status = "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: x\n\n\
                  Package: b\nStatus: install ok installed\nDescription: x\n\n\
                  garbage\nStatus: install ok installed\nVersion: 3\nDescription: x\n\n\
                  Package: d\nStatus: install ok installed\nVersion: 4\n\
                  Package: e\nStatus: install ok installed\nVersion: 5\nDescription: x\n\n\
                  Package: f\nVersion: 6\nDescription: x\n\n\
                  Package: g\nStatus: install ok \u{1}\nVersion: 7\nDescription: x\n\n";
    let found = look(&[("etc/os-release", 0, DEBIAN), ("var/lib/dpkg/status", 0, status)]);
    assert_eq!(names(&found), ["a", "d", "e", "f", "g"]);
    let places: Vec<_> = found.gaps.iter().map(|gap| gap.object.clone()).collect();
    let place = |place: &str| format!("var/lib/dpkg/status: {place}");
    assert_eq!(
        places,
        ["line 10", "package b", "package d", "package f", "package g", "stanza at line 10"]
            .map(place)
    );
}

#[test]
fn a_status_cut_anywhere_loses_nothing_silently() {
    let whole = "Package: a\nStatus: install ok installed\nVersion: 1.22\nDescription: x\n\n\
                 Package: b\nStatus: install ok installed\nSource: bb (1)\nVersion: 2.33\nDescription: y\n\n";
    let first = whole.find("\n\n").unwrap() + 2;
    for end in 1..whole.len() {
        let cut = &whole[..end];
        let found = look(&[("etc/os-release", 0, DEBIAN), ("var/lib/dpkg/status", 0, cut)]);
        for package in &found.packages {
            let version = if package.name == "a" { "1.22" } else { "2.33" };
            assert_eq!(package.version, version, "cut at {end}");
        }
        // Where a stanza is whole, nothing shows that another should follow.
        let silent = end == first;
        assert_eq!(found.gaps.is_empty(), silent, "cut at {end}: {:?}", found.gaps);
    }
}

#[test]
fn distroless_stanzas_have_no_status_and_checksums_beside_them() {
    let found = look(&[
        ("usr/lib/os-release", 0, DEBIAN),
        ("var/lib/dpkg/status.d/base-files", 0, "Package: base-files\nVersion: 12.4+deb12u5"),
        ("var/lib/dpkg/status.d/base-files.md5sums", 0, "0123  usr/x\n"),
        ("var/lib/dpkg/status.d/tzdata", 1, "Package: tzdata\nVersion: 2024a-0\nDescription: x"),
    ]);
    assert_eq!(names(&found), ["tzdata"]);
    assert_eq!(found.packages[0].location, "var/lib/dpkg/status.d/tzdata");
    assert_eq!(found.packages[0].layer.as_deref(), Some("sha256:top"));
    // The version on a last line without an end may be half a version.
    assert!(!found.gaps.is_empty());
}

#[test]
fn nothing_to_look_at_is_a_gap_not_a_pass() {
    let found = look(&[]);
    let rules: Vec<_> = found.gaps.iter().map(|gap| &*gap.rule).collect();
    assert_eq!(rules, ["no-package-database", "os-not-recognised"]);
}

#[test]
fn updates_that_dpkg_has_not_merged_are_a_gap() {
    let found = look(&[
        ("etc/os-release", 0, DEBIAN),
        ("var/lib/dpkg/status.d/a", 0, "Package: a\nVersion: 1\nDescription: x\n"),
        ("var/lib/dpkg/updates/0001", 0, "Package: a\n"),
    ]);
    assert_eq!(found.gaps[0].rule, "package-database-not-read");
}

#[test]
fn an_apk_database_reached_by_two_paths_is_read_once() {
    let mut tree = tree(&[
        ("etc/alpine-release", 0, "3.19.1\n"),
        (
            "usr/lib/apk/db/installed",
            0,
            "C:Q1abc=\nP:ssl_client\nV:1.36.1-r15\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:bin\n\n",
        ),
    ]);
    tree.insert("lib", Entry { kind: Kind::Symlink("usr/lib".into()), layer: 0 });
    let found = inventory(&tree, &[]);
    assert_eq!(gaps(&found), [""; 0]);
    assert_eq!(found.packages.len(), 1);
    assert_eq!(
        found.packages[0].purl,
        "pkg:apk/alpine/ssl_client@1.36.1-r15?arch=x86_64&distro=alpine-3.19.1&upstream=busybox"
    );
    assert_eq!(found.packages[0].licenses, ["GPL-2.0-only"]);
    assert_eq!(found.packages[0].layer, None);
}

#[test]
fn a_binary_apk_database_is_a_gap() {
    let found =
        look(&[("etc/alpine-release", 0, "3.23.0\n"), ("usr/lib/apk/db/installed", 0, "ADB.pckg")]);
    assert_eq!(found.packages.len(), 0);
    assert!(gaps(&found)[1].contains("binary format"), "{:?}", gaps(&found));
}
