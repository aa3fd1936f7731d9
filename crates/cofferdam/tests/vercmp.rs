//! Comparing versions on the command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "not every test scans")]
mod place;

use place::Place;

#[test]
fn compares_versions_ranges_and_tables() {
    let place = Place::new(&[]);
    let table = "# what npm says\n1.0.0 < 1.0.1\n1.0.0 ? 1.0.0-rc.1 # printed\n\n\
                 1.5.0 in ^1.2\n1.5.0 not-in vers:npm/>=2.0.0\n";
    place.write("right.txt", table);
    place.write("wrong.txt", "1.0.0 > 1.0.1\nx < 1\n1.0.0 == 1\n2.0.0 in ^1.2\n1 in >=1\n");
    let lines: [&[&str]; 10] = [
        &["vercmp", "-e", "debian", "1.0~rc1-1", "1.0-1"],
        &["vercmp", "--ecosystem", "PyPI", "1.0.post1", "1.0.dev1", "--format", "json"],
        &["vercmp", "-e", "npm", "--in", "^1.2", "1.9.3"],
        &["vercmp", "-e", "npm", "--in", "^1.2", "2.0.0"],
        &["vercmp", "-e", "npm", "--table", "right.txt"],
        &["vercmp", "-e", "npm", "--table", "wrong.txt"],
        &["vercmp", "-e", "npn", "1", "2"],
        &["vercmp", "-e", "maven", "", "2"],
        &["vercmp", "-e", "maven", "1"],
        &["vercmp", "-e", "maven", "--table", "missing.txt"],
    ];
    let text: String = lines.iter().map(|arguments| place.transcript(arguments)).collect();
    insta::assert_snapshot!("vercmp", text);
}
