//! Which distribution [`cofferdam_vuln::os::detect`] recognises, and where its advisories are.
#![expect(clippy::unwrap_used, reason = "in functions that tests share")]

use cofferdam_image::{Entry, Kind, Tree};
use cofferdam_vuln::{Distribution, os::detect};

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.insert(*path, Entry { kind: Kind::File(text.as_bytes().into()), layer: 0 });
    }
    tree
}

fn os_release(text: &str) -> Distribution {
    detect(&tree(&[("etc/os-release", text)])).0.unwrap()
}

#[test]
fn advisories_are_found_under_the_names_of_osv() {
    for (text, ecosystem) in [
        ("ID=debian\nVERSION_ID=\"12\"", Some("Debian:12")),
        ("ID=debian\nVERSION_ID=13.2", Some("Debian:13")),
        ("ID=debian\nVERSION_CODENAME=forky", Some("Debian:14")),
        ("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux buster/sid\"", Some("Debian:10")),
        ("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux\"", None),
        ("ID=ubuntu\nVERSION_ID=\"22.04\"", Some("Ubuntu:22.04:LTS")),
        ("ID=ubuntu\nVERSION_ID=\"24.10\"", Some("Ubuntu:24.10")),
        ("ID=ubuntu\nVERSION_ID=\"23.04\"", Some("Ubuntu:23.04")),
        ("ID=alpine\nVERSION_ID=3.19.1", Some("Alpine:v3.19")),
        ("ID=alpine\nVERSION_ID=3.21.0_alpha20240923", Some("Alpine:edge")),
        ("ID=alpine\nVERSION_ID=3", None),
        ("ID=wolfi\nVERSION_ID=20230201", Some("Wolfi")),
        ("ID=chainguard\nVERSION_ID=20230214", Some("Chainguard")),
        ("ID=\"almalinux\"\nVERSION_ID=\"9.3\"", Some("AlmaLinux:9")),
        ("ID=\"rocky\"\nVERSION_ID=\"8.10\"", Some("Rocky Linux:8")),
        ("ID=\"rhel\"\nVERSION_ID=\"9.4\"", Some("Red Hat:enterprise_linux:9")),
        ("NAME=\"CentOS Linux\"\nID=centos\nVERSION_ID=7", Some("Red Hat:enterprise_linux:7")),
        ("NAME=\"CentOS Stream\"\nID=centos\nVERSION_ID=9", None),
        ("ID=\"ol\"\nVERSION_ID=\"9.3\"", Some("Oracle Linux:9")),
        ("ID=amzn\nVERSION_ID=2", Some("Amazon Linux:2")),
        ("ID=amzn\nVERSION_ID=2023", Some("Amazon Linux:2023")),
        ("ID=amzn\nVERSION_ID=2018.03", Some("Amazon Linux:1")),
        ("ID=fedora\nVERSION_ID=40", Some("Fedora:40")),
        ("ID=azurelinux\nVERSION_ID=\"3.0\"", Some("Azure Linux:3")),
        ("ID=mariner\nVERSION_ID=\"2.0\"", Some("Azure Linux:2")),
        ("ID=photon\nVERSION_ID=5.0", Some("Photon OS:5.0")),
        (
            "ID=openEuler\nVERSION=\"22.03 (LTS-SP1)\"\nVERSION_ID=22.03",
            Some("openEuler:22.03-LTS-SP1"),
        ),
        ("ID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"", Some("openSUSE:Leap 15.5")),
        ("ID=\"opensuse-tumbleweed\"\nVERSION_ID=\"20240101\"", Some("openSUSE:Tumbleweed")),
        ("ID=\"sles\"\nVERSION_ID=\"15.5\"", Some("SUSE:Linux Enterprise Server 15 SP5")),
        ("ID=arch", Some("Arch Linux")),
        ("ID=raspbian\nID_LIKE=debian\nVERSION_ID=12", None),
        ("ID=nixos\nVERSION_ID=24.05", None),
    ] {
        assert_eq!(os_release(text).ecosystem().as_deref(), ecosystem, "{text}");
    }
}

#[test]
fn values_are_read_as_a_shell_reads_them() {
    for (line, value) in [
        ("PRETTY_NAME=plain", "plain"),
        ("PRETTY_NAME=\"in double quotes\"", "in double quotes"),
        ("PRETTY_NAME='in single $quotes'", "in single $quotes"),
        ("PRETTY_NAME=\"a \\\"b\\\" \\$c \\\\ d\"", "a \"b\" $c \\ d"),
        ("PRETTY_NAME='a\\b'", "a\\b"),
        ("PRETTY_NAME=bare # comment", "bare"),
        ("PRETTY_NAME=\"no end", "no end"),
        ("  PRETTY_NAME=indented\r", "indented"),
        ("PRETTY_NAME=first\nPRETTY_NAME=last", "last"),
        ("#PRETTY_NAME=comment\nVERSION_ID=7", "x 7"),
        ("PRETTY_NAME=\nNAME=Name\nVERSION='1 (One)'", "Name 1 (One)"),
        ("PRETTY_NAME=\"ünï\"", "ünï"),
    ] {
        assert_eq!(os_release(&format!("ID=x\n{line}\n")).pretty_name, value, "{line}");
    }
    assert_eq!(os_release("ID=x\nID_LIKE=\"rhel  centos\"").id_like, ["rhel", "centos"]);
}

#[test]
fn older_files_name_the_distribution_where_os_release_is_missing() {
    for (path, text, id, version, ecosystem) in [
        ("usr/lib/os-release", "ID=debian\nVERSION_ID=12", "debian", "12", "Debian:12"),
        ("etc/alpine-release", "3.4.6\n", "alpine", "3.4.6", "Alpine:v3.4"),
        (
            "etc/lsb-release",
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\n",
            "ubuntu",
            "14.04",
            "Ubuntu:14.04:LTS",
        ),
        (
            "etc/redhat-release",
            "CentOS Linux release 7.9.2009 (Core)\n",
            "centos",
            "7.9.2009",
            "Red Hat:enterprise_linux:7",
        ),
        (
            "etc/centos-release",
            "CentOS release 6.10 (Final)\n",
            "centos",
            "6.10",
            "Red Hat:enterprise_linux:6",
        ),
        (
            "etc/redhat-release",
            "Red Hat Enterprise Linux Server release 6.10 (Santiago)",
            "rhel",
            "6.10",
            "Red Hat:enterprise_linux:6",
        ),
        (
            "etc/almalinux-release",
            "AlmaLinux release 8.9 (Midnight Oncilla)",
            "almalinux",
            "8.9",
            "AlmaLinux:8",
        ),
        (
            "etc/rocky-release",
            "Rocky Linux release 9.3 (Blue Onyx)",
            "rocky",
            "9.3",
            "Rocky Linux:9",
        ),
        ("etc/oracle-release", "Oracle Linux Server release 7.9", "ol", "7.9", "Oracle Linux:7"),
        (
            "etc/system-release",
            "Amazon Linux AMI release 2018.03",
            "amzn",
            "2018.03",
            "Amazon Linux:1",
        ),
        ("etc/debian_version", "8.11\n", "debian", "8", "Debian:8"),
    ] {
        let (distribution, gap) = detect(&tree(&[(path, text)]));
        let distribution = distribution.unwrap();
        assert_eq!((&*distribution.id, distribution.version_id.as_deref()), (id, Some(version)));
        assert_eq!(distribution.ecosystem().as_deref(), Some(ecosystem), "{path}");
        assert_eq!((&*distribution.location, gap), (path, None));
    }
    let sid = detect(&tree(&[("etc/debian_version", "forky/sid\n")])).0.unwrap();
    assert_eq!((sid.version_id.as_deref(), sid.ecosystem().as_deref()), (None, Some("Debian:14")));
}

#[test]
fn a_file_that_names_no_distribution_does_not_hide_the_next() {
    let files = [("etc/os-release", "garbage"), ("etc/alpine-release", "3.19.1\n")];
    let (distribution, gap) = detect(&tree(&files));
    assert_eq!((distribution.unwrap().location.as_str(), gap), ("etc/alpine-release", None));

    let (distribution, gap) = detect(&tree(&files[..1]));
    assert_eq!(distribution, None);
    assert_eq!(gap.unwrap().why, "etc/os-release names no distribution");

    let mut tree = Tree::default();
    let kind = Kind::File([0xff, 0xfe].as_slice().into());
    tree.insert("etc/os-release", Entry { kind, layer: 0 });
    assert!(detect(&tree).1.is_some());
}
