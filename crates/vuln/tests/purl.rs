//! Package URLs as the specification and the common scanners write them.

use cofferdam_finding::{PackageKind, SourcePackage};
use cofferdam_vuln::{Distribution, packages::Record, purl};

fn distribution(id: &str, version: Option<&str>, codename: Option<&str>) -> Distribution {
    Distribution {
        id: id.into(),
        version_id: version.map(str::to_owned),
        codename: codename.map(str::to_owned),
        ..Distribution::default()
    }
}

/// A record from `name version architecture [source version]`, separated by spaces.
fn record(text: &str) -> Record {
    let words: Vec<&str> = text.split(' ').collect();
    Record {
        name: words[0].into(),
        version: words[1].into(),
        architecture: Some(words[2].into()),
        source: words
            .get(3)
            .map(|name| SourcePackage { name: (*name).into(), version: words[4].into() }),
        ..Record::default()
    }
}

#[test]
fn purls_of_deb_and_apk() {
    use PackageKind::{Apk, Deb};
    let debian = distribution("debian", Some("12"), Some("bookworm"));
    let testing = distribution("debian", None, Some("forky"));
    let alpine = distribution("alpine", Some("3.19.1"), None);
    for (kind, distribution, text, expected) in [
        (
            Deb,
            Some(&debian),
            "libssl3 3.0.11-1~deb12u1 amd64 openssl 3.0.11-1~deb12u1",
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl",
        ),
        // The source package of the same name and version goes without saying.
        (
            Deb,
            Some(&debian),
            "openssl 3.0.11-1~deb12u1 amd64 openssl 3.0.11-1~deb12u1",
            "pkg:deb/debian/openssl@3.0.11-1~deb12u1?arch=amd64&distro=debian-12",
        ),
        (
            Deb,
            Some(&debian),
            "bsdutils 1:2.38.1-5+b1 amd64 util-linux 2.38.1-5",
            "pkg:deb/debian/bsdutils@1:2.38.1-5%2Bb1?arch=amd64&distro=debian-12&upstream=util-linux%402.38.1-5",
        ),
        (
            Deb,
            Some(&debian),
            "libstdc++6 12.2.0-14 amd64 gcc-12 12.2.0-14",
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12&upstream=gcc-12",
        ),
        (Deb, Some(&testing), "a 1 all", "pkg:deb/debian/a@1?arch=all&distro=debian-forky"),
        (Deb, None, "a 1 all", "pkg:deb/a@1?arch=all"),
        (
            Apk,
            Some(&alpine),
            "ssl_client 1.36.1-r15 x86_64 busybox 1.36.1-r15",
            "pkg:apk/alpine/ssl_client@1.36.1-r15?arch=x86_64&distro=alpine-3.19.1&upstream=busybox",
        ),
        (
            Apk,
            Some(&alpine),
            ".build-deps 20240101.120000 noarch",
            "pkg:apk/alpine/.build-deps@20240101.120000?arch=noarch&distro=alpine-3.19.1",
        ),
    ] {
        assert_eq!(purl::of(kind, distribution, &record(text)), expected);
    }
}

#[test]
fn purls_of_rpm_keep_the_epoch_apart_and_the_case_of_names() {
    let rhel = distribution("rhel", Some("9.4"), None);
    let record = Record {
        source_file: Some("nodejs-18.20.2-1.module+el9.4.0+21742+692df1ea.src.rpm".into()),
        module: Some("nodejs:18:9040020240418".into()),
        ..record("nodejs-Docs 1:18.20.2-1.module+el9 noarch nodejs 1:18.20.2-1.module+el9")
    };
    assert_eq!(
        purl::of(PackageKind::Rpm, Some(&rhel), &record),
        "pkg:rpm/redhat/nodejs-Docs@18.20.2-1.module%2Bel9?arch=noarch&distro=rhel-9.4&epoch=1\
         &rpmmod=nodejs:18:9040020240418\
         &upstream=nodejs-18.20.2-1.module%2Bel9.4.0%2B21742%2B692df1ea.src.rpm"
    );
    let leap = distribution("opensuse-leap", Some("15.5"), None);
    let plain = self::record("libz1 1.2.13-150500.2 x86_64");
    assert_eq!(
        purl::of(PackageKind::Rpm, Some(&leap), &plain),
        "pkg:rpm/opensuse/libz1@1.2.13-150500.2?arch=x86_64&distro=opensuse-leap-15.5"
    );
}

#[test]
fn package_urls_are_taken_apart() {
    use cofferdam_vuln::purl::Purl;
    for (text, kind, name, version) in [
        ("pkg:npm/%40babel/core@7.0.0", PackageKind::Npm, "@babel/core", Some("7.0.0")),
        ("pkg:npm/@babel/core", PackageKind::Npm, "@babel/core", None),
        ("pkg:npm/@babel/core@7.0.0", PackageKind::Npm, "@babel/core", Some("7.0.0")),
        ("pkg:maven/g.h/a@1%2B2?type=jar", PackageKind::Maven, "g.h:a", Some("1+2")),
        (
            "pkg:golang/github.com/a/b/v2@v2.0.0#sub/path",
            PackageKind::Golang,
            "github.com/a/b/v2",
            Some("v2.0.0"),
        ),
        ("pkg:deb/debian/dpkg@1.21.22?arch=amd64", PackageKind::Deb, "dpkg", Some("1.21.22")),
        ("pkg://GEM/rack@2.0", PackageKind::Gem, "rack", Some("2.0")),
        ("pkg:bitnami/redis@7", PackageKind::Generic, "redis", Some("7")),
    ] {
        let purl = Purl::parse(text).unwrap();
        assert_eq!((purl.package_kind(), purl.full_name().as_str()), (kind, name), "{text}");
        assert_eq!(purl.version.as_deref(), version, "{text}");
    }
    for text in
        ["", "npm/x", "pkg:", "pkg:npm", "pkg:npm/", "pkg:n!pm/x", "pkg:npm/%zz", "pkg:npm/x?a"]
    {
        assert!(Purl::parse(text).is_err(), "{text}");
    }
    for (kind, name, version, expected) in [
        (PackageKind::Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        (PackageKind::Maven, "g:a", "1", "pkg:maven/g/a@1"),
        (PackageKind::Golang, "golang.org/x/net", "", "pkg:golang/golang.org/x/net"),
    ] {
        let text = purl::of_language(kind, name, version);
        assert_eq!(text, expected);
        assert_eq!(Purl::parse(&text).unwrap().full_name(), name);
    }
}
