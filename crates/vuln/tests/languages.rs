//! What files of languages say: tables of files as package managers write them, and bad ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use std::io::{Cursor, Write as _};

use cofferdam_finding::PackageKind::{self, *};
use cofferdam_image::Candidate;
use cofferdam_vuln::language::{self, Extract};
use proptest::prelude::*;

fn read(path: &str, content: &[u8], mode: u32) -> Extract {
    let candidate = Candidate { path, size: content.len() as u64, mode };
    language::extract(&candidate, &mut &*content).expect("memory can be read")
}

/// The packages of a file; `!` in front of those that are installed.
fn packages(path: &str, content: &str) -> Vec<String> {
    let extract = read(path, content.as_bytes(), 0o644);
    assert_eq!(extract.problems, [], "{path}");
    listed(&extract)
}

fn listed(extract: &Extract) -> Vec<String> {
    let line = |found: &language::Found| {
        let installed = if found.declared { "" } else { "!" };
        format!("{installed}{}:{}@{}", found.kind.name(), found.name, found.version)
    };
    extract.packages.iter().map(line).collect()
}

#[test]
fn python() {
    let metadata =
        "Metadata-Version: 2.1\nName: Zope.Interface_x\nVersion: 1.0\nLicense: MIT\n\nName: no\n";
    for path in [
        "usr/lib/python3/dist-packages/x-1.0.dist-info/METADATA",
        "x.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/x-1.0.egg-info",
        "a/EGG-INFO/PKG-INFO",
    ] {
        assert_eq!(packages(path, metadata), ["!pypi:zope-interface-x@1.0"], "{path}");
    }
    assert_eq!(read("x.dist-info/METADATA", metadata.as_bytes(), 0).packages[0].licenses, ["MIT"]);
    assert_eq!(
        packages(
            "requirements-dev.txt",
            "# c\nDjango==3.2.0 # pinned\nrequests[socks] == 2.25 ; python_version > '3'\nflask>=1\n\
             x===1.0 \\\n  --hash=sha256:0\n-r other.txt\ny==1.*\ngit+https://h/x==1\n"
        ),
        ["pypi:django@3.2.0", "pypi:requests@2.25", "pypi:x@1.0"]
    );
    assert_eq!(
        packages(
            "uv.lock",
            "version = 1\n[[package]]\nname = \"app\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n\
             [[package]]\nname = \"Idna\"\nversion = \"3.6\"\nsource = { registry = \"https://h/\" }\n"
        ),
        ["pypi:idna@3.6"]
    );
    assert_eq!(
        packages(
            "pylock.toml",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"attrs\"\nversion = \"25.1.0\"\n"
        ),
        ["pypi:attrs@25.1.0"]
    );
    assert_eq!(
        packages(
            "Pipfile.lock",
            r#"{"_meta":{},"default":{"a":{"version":"==1.0"},"g":{"git":"x"}},"develop":{"b":{"version":"==2"}}}"#
        ),
        ["pypi:a@1.0", "pypi:b@2"]
    );
}

#[test]
fn node() {
    let package = r#"{"name":"@babel/core","version":"7.0.0","license":"MIT","scripts":{}}"#;
    assert_eq!(
        packages("app/node_modules/@babel/core/package.json", package),
        ["!npm:@babel/core@7.0.0"]
    );
    // A project's own, and what packages bring for their tests.
    assert!(packages("app/package.json", package).is_empty());
    assert!(packages("app/node_modules/x/test/package.json", package).is_empty());
    assert_eq!(
        packages("opt/yarn-v1.22.19/package.json", r#"{"name":"yarn","version":"1.22.19"}"#),
        ["!npm:yarn@1.22.19"]
    );
    assert_eq!(
        packages(
            "package-lock.json",
            r#"{"lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},
            "node_modules/a":{"version":"1.0.0"},"node_modules/a/node_modules/@s/b":{"version":"2.0.0","dev":true},
            "node_modules/alias":{"name":"real","version":"3.0.0"},"node_modules/l":{"link":true,"resolved":"l"},
            "l":{"version":"0.0.1"}}}"#
        ),
        ["npm:real@3.0.0", "npm:@s/b@2.0.0", "npm:a@1.0.0"]
            .map(String::from)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(
        packages(
            "npm-shrinkwrap.json",
            r#"{"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0"}}},
            "c":{"version":"npm:d@3.0.0"},"e":{"version":"git+https://h/e#0"}}}"#
        ),
        ["npm:a@1.0.0", "npm:b@2.0.0", "npm:d@3.0.0"]
    );
    assert_eq!(
        packages(
            "yarn.lock",
            "# yarn lockfile v1\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  version \"7.2.0\"\n  \
             dependencies:\n    version \"1\"\n\na@^1:\n  version \"1.0.1\"\n\n\"b@npm:c@^2\":\n  version \"2.0.0\"\n"
        ),
        ["npm:@babel/core@7.2.0", "npm:a@1.0.1", "npm:c@2.0.0"]
    );
    assert_eq!(
        packages(
            "yarn.lock",
            "__metadata:\n  version: 6\n\n\"a@npm:^1.0.0\":\n  version: 1.0.1\n  resolution: \"a@npm:1.0.1\"\n\n\
             \"app@workspace:.\":\n  version: 0.0.0-use.local\n"
        ),
        ["npm:a@1.0.1"]
    );
    assert_eq!(
        packages(
            "pnpm-lock.yaml",
            "lockfileVersion: '6.0'\n\ndependencies:\n  x:\n    version: 1.0.0\n\npackages:\n\n  /a@1.0.0:\n    \
             resolution: {}\n  /@s/b@2.0.0(a@1.0.0):\n    dev: true\n  '@s/c@3.0.0':\n  /d/4.0.0_a@1.0.0:\n  /e/5.0.0:\n\
             snapshots:\n  f@1.0.0: {}\n"
        ),
        ["npm:a@1.0.0", "npm:@s/b@2.0.0", "npm:@s/c@3.0.0", "npm:d@4.0.0", "npm:e@5.0.0"]
    );
    assert_eq!(
        packages(
            "bun.lock",
            "{\n  \"workspaces\": { \"\": { \"name\": \"app\" } },\n  \"packages\": {\n    \
             \"a\": [\"a@1.0.0\", \"\", {}, \"sha512-x\"],\n    \"@s/b\": [\"@s/b@2.0.0\", \"\", {}, \"\"],\n    \
             \"w\": [\"w@workspace:w\"],\n  }\n}\n"
        ),
        ["npm:a@1.0.0", "npm:@s/b@2.0.0"]
    );
}

#[test]
fn go_and_rust() {
    assert_eq!(
        packages(
            "src/go.mod",
            "module example.com/m // c\n\ngo 1.22\n\nrequire golang.org/x/net v0.1.0\nrequire (\n\t\
             golang.org/x/text v0.3.7 // indirect\n\tx.y/z v1.0.0\n\ta.b/c v1.0.0\n)\nreplace x.y/z => ../z\n\
             replace (\n\ta.b/c v1.0.0 => d.e/f v2.0.0\n)\nexclude (\n\tq.r/s v1.0.0\n)\n"
        ),
        [
            "golang:golang.org/x/net@v0.1.0",
            "golang:golang.org/x/text@v0.3.7",
            "golang:d.e/f@v2.0.0"
        ]
    );
    assert!(
        packages("usr/local/go/src/go.mod", "module std\nrequire golang.org/x/net v0.1.0\n")
            .is_empty()
    );
    assert!(packages("root/go/pkg/mod/x@v1/go.mod", "module x\nrequire y v1.0.0\n").is_empty());
    assert_eq!(
        packages(
            "Cargo.lock",
            "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n[[package]]\nname = \"serde\"\n\
             version = \"1.0.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        ),
        ["cargo:serde@1.0.1"]
    );
}

#[test]
fn ruby_php_dotnet() {
    let gemspec = "# -*- encoding: utf-8 -*-\n# stub: rake 13.0.6 ruby lib\n\nGem::Specification.new do |s|\n  \
                   s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n  s.licenses = [\"MIT\".freeze]\nend\n";
    for path in [
        "usr/local/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec",
        "usr/local/lib/ruby/gems/3.1.0/specifications/default/rake-13.0.6.gemspec",
    ] {
        assert_eq!(packages(path, gemspec), ["!gem:rake@13.0.6"]);
    }
    assert!(packages("gems/rake-13/rake.gemspec", gemspec).is_empty());
    assert_eq!(
        packages(
            "app/Gemfile.lock",
            "GEM\n  remote: https://rubygems.org/\n  specs:\n    nokogiri (1.15.0-x86_64-linux)\n      \
             racc (~> 1.4)\n    rack (2.2.3)\n\nPATH\n  remote: .\n  specs:\n    own (0.1)\n\nPLATFORMS\n    ruby\n"
        ),
        ["gem:nokogiri@1.15.0", "gem:rack@2.2.3"]
    );
    let composer = r#"{"packages":[{"name":"Symfony/Console","version":"v5.4.0","license":["MIT"]}],
        "packages-dev":[{"name":"phpunit/phpunit","version":"9.0.0"}]}"#;
    assert_eq!(
        packages("composer.lock", composer),
        ["composer:symfony/console@v5.4.0", "composer:phpunit/phpunit@9.0.0"]
    );
    assert_eq!(
        packages("app/vendor/composer/installed.json", r#"[{"name":"a/b","version":"1.0"}]"#),
        ["!composer:a/b@1.0"]
    );
    assert_eq!(
        packages(
            "app/app.deps.json",
            r#"{"libraries":{"app/1.0.0":{"type":"project"},"Newtonsoft.Json/12.0.1":{"type":"package"}}}"#
        ),
        ["!nuget:Newtonsoft.Json@12.0.1"]
    );
    assert_eq!(
        packages(
            "packages.lock.json",
            r#"{"version":1,"dependencies":{"net6.0":{"A":{"type":"Direct","resolved":"1.0.0"}},
            "net7.0":{"A":{"type":"Direct","resolved":"1.0.0"},"P":{"type":"Project"}}}}"#
        ),
        ["nuget:A@1.0.0"]
    );
}

#[test]
fn others() {
    assert_eq!(
        packages("var/lib/pacman/local/bash-5.2-1/desc", "%NAME%\nbash\n\n%VERSION%\n5.2-1\n\n"),
        ["!alpm:bash@5.2-1"]
    );
    assert_eq!(
        packages("opt/conda/conda-meta/numpy-1.2-0.json", r#"{"name":"numpy","version":"1.2"}"#),
        ["!conda:numpy@1.2"]
    );
    assert_eq!(
        packages("usr/lib/R/site-library/dplyr/DESCRIPTION", "Package: dplyr\nVersion: 1.1.0\n"),
        ["!cran:dplyr@1.1.0"]
    );
    assert!(
        packages(
            "usr/lib/R/library/base/DESCRIPTION",
            "Package: base\nVersion: 4\nPriority: base\n"
        )
        .is_empty()
    );
    assert_eq!(
        packages(
            "pubspec.lock",
            "packages:\n  http:\n    dependency: \"direct main\"\n    description:\n      name: http\n    \
             source: hosted\n    version: \"0.13.3\"\n  own:\n    source: path\n    version: \"0.0.1\"\nsdks:\n  dart: \"3\"\n"
        ),
        ["pub:http@0.13.3"]
    );
    assert_eq!(
        packages(
            "mix.lock",
            "%{\n  \"jason\": {:hex, :jason, \"1.4.0\", \"0\", [:mix], [], \"hexpm\", \"0\"},\n}\n"
        ),
        ["hex:jason@1.4.0"]
    );
    assert_eq!(
        packages(
            "cabal.project.freeze",
            "constraints: any.aeson ==2.1.0.0,\n             aeson +x,\n"
        ),
        ["hackage:aeson@2.1.0.0"]
    );
    assert_eq!(
        packages("gradle.lockfile", "# c\norg.slf4j:slf4j-api:1.7.36=compileClasspath\nempty=\n"),
        ["maven:org.slf4j:slf4j-api@1.7.36"]
    );
    assert_eq!(read("var/lib/dpkg/info/python3-yaml.list", b"/.\n/usr\n/usr/share/doc/x\n/usr/bin/tool\n/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO\n", 0).owned,
        ["usr/bin/tool", "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO"]);
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn properties(group: &str, artifact: &str, version: &str) -> (String, Vec<u8>) {
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    (
        path,
        format!("#c\nversion={version}\ngroupId={group}\nartifactId = {artifact}\n").into_bytes(),
    )
}

#[test]
fn java() {
    let (path, text) = properties("org.slf4j", "slf4j-api", "1.7.36");
    let (shaded_path, shaded) = properties("com.google.guava", "guava", "30.0-jre");
    let library = zip(&[(&path, &text), (&shaded_path, &shaded), ("a/B.class", b"x")]);
    let manifest = b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.apache.commons.la\r\n ng3\r\nImplementation-Version: 3.9\r\n\r\nName: x\r\n";
    let bundle = zip(&[("META-INF/MANIFEST.MF", manifest)]);
    let app = zip(&[
        ("BOOT-INF/lib/slf4j-api-1.7.36.jar", &library),
        (
            "BOOT-INF/lib/spring-core-5.3.20.jar",
            &zip(&[("META-INF/MANIFEST.MF", b"Implementation-Title: spring-core\n")]),
        ),
        ("BOOT-INF/lib/lang3-3.9.jar", &bundle),
        ("BOOT-INF/lib/unknown-1.0.jar", &zip(&[("x", b"")])),
    ]);
    let extract = read("srv/app.jar", &app, 0o644);
    assert_eq!(extract.problems, []);
    assert_eq!(
        listed(&extract),
        [
            "!maven:org.slf4j:slf4j-api@1.7.36",
            "!maven:com.google.guava:guava@30.0-jre",
            "!maven:org.springframework:spring-core@5.3.20",
            "!maven:org.apache.commons:lang3@3.9",
            "!maven:unknown@1.0",
        ]
    );
    assert_eq!(extract.packages[0].inner.as_deref(), Some("BOOT-INF/lib/slf4j-api-1.7.36.jar"));
}

#[test]
fn bad_archives_are_problems() {
    let mut nested = zip(&[("x", b"x")]);
    for _ in 0..10 {
        nested = zip(&[("inner.jar", &nested)]);
    }
    let bomb = zip(&[("inner.jar", &vec![0; 300 << 20])]);
    let good = zip(&[("x", b"x")]);
    for (what, bytes, why) in [
        ("nested", nested, "archives deep"),
        ("bomb", bomb, "more than"),
        ("cut", good[..good.len() - 5].to_vec(), "no zip archive"),
        ("noise", vec![7; 1000], "no zip archive"),
    ] {
        let extract = read("x.jar", &bytes, 0o644);
        assert!(
            extract.problems.iter().any(|p| p.why.contains(why)),
            "{what}: {:?}",
            extract.problems
        );
    }
    assert_eq!(read("x.jar", b"", 0o644), Extract::default());
    let candidate = Candidate { path: "x.jar", size: u64::MAX, mode: 0 };
    let extract = language::extract(&candidate, &mut &b"PK"[..]).unwrap();
    assert!(extract.problems[0].why.contains("bytes"));
}

/// A program with what the linker of Go puts into it.
fn go_program(go: &str, modules: &str) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(300_000, 1);
    bytes.extend(b"\xff Go build");
    bytes.extend(b"inf:\x08\x02");
    bytes.resize(300_032, 0);
    let mut put = |text: &[u8]| {
        let mut length = text.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(text);
    };
    put(go.as_bytes());
    put(&[&[b'<'; 16], modules.as_bytes(), &[b'>'; 16]].concat());
    bytes.resize(bytes.len() + 100_000, 2);
    bytes
}

#[test]
fn programs_of_go() {
    let modules = "path\tx.y/cmd\nmod\tx.y/m\t(devel)\t\ndep\ta.b/c\tv1.0.0\th1:0=\n=>\td.e/f\tv2.0.0\th1:0=\n\
                   dep\tg.h/i\tv1.2.3\th1:0=\ndep\tlocal/m\tv1.0.0\n=>\t./m\t(devel)\t\n\
                   build\t-ldflags=\"-s -X main.Version=v3.2.1 -X x=y\"\n";
    let extract = read("usr/bin/x", &go_program("go1.22.3", modules), 0o755);
    assert_eq!(
        listed(&extract),
        [
            "!golang:stdlib@1.22.3",
            "!golang:x.y/m@v3.2.1",
            "!golang:d.e/f@v2.0.0",
            "!golang:g.h/i@v1.2.3",
            "!golang:local/m@"
        ]
    );
    // Not a program, not one to run, too small: not read.
    assert_eq!(
        read("usr/bin/x", &[b"text".to_vec(), go_program("go1.22.3", "")].concat(), 0o755),
        Extract::default()
    );
    assert_eq!(read("data", &go_program("go1.22.3", ""), 0o644), Extract::default());
    // Forged: no release, a length beyond all bounds.
    assert_eq!(read("x", &go_program("perl", ""), 0o755), Extract::default());
    let mut forged = go_program("go1.22.3", "");
    forged[300_032..300_036].copy_from_slice(&[0xff; 4]);
    assert_eq!(read("x", &forged, 0o755), Extract::default());
}

#[test]
fn programs_of_rust() {
    let list = br#"{"packages":[{"name":"serde","version":"1.0.1","source":"crates.io"},
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},{"name":"app","version":"0.1.0","source":"local","root":true}]}"#;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(list).unwrap();
    let list = encoder.finish().unwrap();
    for place in [5000, 262_000, 300_000] {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.resize(place, b'x');
        bytes.extend(&list);
        bytes.resize(bytes.len() + 5000, 3);
        let extract = read("usr/bin/x", &bytes, 0o755);
        assert_eq!(listed(&extract), ["!cargo:serde@1.0.1", "!cargo:app@0.1.0"], "at {place}");
        bytes.truncate(place + list.len() - 3);
        let extract = read("usr/bin/x", &bytes, 0o755);
        assert!(extract.packages.is_empty() && extract.problems.len() == 1, "{extract:?}");
    }
}

#[test]
fn what_is_not_understood_is_a_problem() {
    for (path, content) in [
        ("package-lock.json", "{"),
        ("composer.lock", "nope"),
        ("poetry.lock", "= ="),
        ("Cargo.lock", "[["),
        ("x.dist-info/METADATA", "Version: 1\n"),
        ("gems/specifications/x-1.gemspec", "nothing"),
        ("var/lib/pacman/local/x/desc", ""),
    ] {
        let extract = read(path, content.as_bytes(), 0o644);
        assert!(extract.packages.is_empty() && !extract.problems.is_empty(), "{path}");
    }
    let deep = "[".repeat(100_000);
    assert!(!read("package-lock.json", deep.as_bytes(), 0).problems.is_empty());
    let nested = format!("{}{}", r#"{"dependencies":{"a":"#.repeat(50), "}}".repeat(50));
    let _ = read("package-lock.json", nested.as_bytes(), 0);
    let long =
        format!("{{\"packages\":[{{\"name\":\"{}\",\"version\":\"1\"}}]}}", "n".repeat(10_000));
    let extract = read("composer.lock", long.as_bytes(), 0);
    assert!(extract.packages.is_empty() && extract.problems.len() == 1);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    let mut names: Vec<&str> = PackageKind::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PackageKind::ALL.len());
    assert!(!Npm.is_of_distribution() && Deb.is_of_distribution());
}

const PATHS: [&str; 26] = [
    "a.dist-info/METADATA",
    "requirements.txt",
    "uv.lock",
    "Pipfile.lock",
    "node_modules/a/package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "go.mod",
    "Cargo.lock",
    "specifications/a.gemspec",
    "Gemfile.lock",
    "composer.lock",
    "a.deps.json",
    "packages.lock.json",
    "var/lib/pacman/local/a/desc",
    "conda-meta/a.json",
    "library/a/DESCRIPTION",
    "pubspec.lock",
    "mix.lock",
    "cabal.project.freeze",
    "gradle.lockfile",
    "var/lib/dpkg/info/a.list",
    "a.jar",
    "bin/a",
];

proptest! {
    #[test]
    fn no_file_makes_a_reader_panic(path in prop::sample::select(PATHS.to_vec()), text in "[\\PC\n\t]{0,200}") {
        let _ = read(path, text.as_bytes(), 0o755);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(path in prop::sample::select(PATHS.to_vec()), bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(path, &bytes, 0o755);
        let padded = [b"\x7fELF".to_vec(), bytes, vec![0; 5000]].concat();
        let _ = read("bin/a", &padded, 0o755);
    }
}
