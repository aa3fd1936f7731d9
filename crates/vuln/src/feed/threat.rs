//! What is known of attacks: CISA's catalogue of known exploited vulnerabilities (KEV,
//! <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>) and the scores of the Exploit
//! Prediction Scoring System (EPSS, <https://www.first.org/epss/data_stats>).

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use cofferdam_finding::{Epss, Exploited};
use serde::Deserialize;

use super::{FeedError, Tally, archive};
use crate::database::{is_cve, is_day};

/// Lines of a table of scores; in 2025 it had some 290,000.
const MOST_LINES: usize = 4_000_000;
/// Bytes of a line of it.
const LONGEST_LINE: u64 = 1024;
/// Entries of a catalogue; in 2025 it had some 1,400.
const MOST_ENTRIES: usize = 1_000_000;

/// Reads the catalogue of known exploited vulnerabilities, as JSON: a file, or every `.json` file
/// of an archive or a directory.
///
/// # Errors
/// If the feed cannot be read at all. Entries that cannot be understood are in the tally.
pub fn read_kev(path: &Path, sink: &mut dyn FnMut(&str, Exploited)) -> Result<Tally, FeedError> {
    let mut tally = Tally::default();
    archive::each_json(path, &mut tally, &mut |name, bytes, tally| {
        parse_kev(name, bytes, tally, sink);
    })?;
    Ok(tally)
}

#[derive(Deserialize)]
struct Catalogue {
    vulnerabilities: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
}

/// Reads one file of the catalogue; `name` is what the tally calls it.
pub fn parse_kev(
    name: &str,
    json: &[u8],
    tally: &mut Tally,
    sink: &mut dyn FnMut(&str, Exploited),
) {
    let catalogue: Catalogue = match serde_json::from_slice(json) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            tally.records += 1;
            return tally.broken(name, &error.to_string());
        }
    };
    for (number, value) in catalogue.vulnerabilities.into_iter().take(MOST_ENTRIES).enumerate() {
        tally.records += 1;
        let place = format!("{name}: entry {}", number + 1);
        match Entry::deserialize(value) {
            Err(error) => tally.broken(&place, &error.to_string()),
            Ok(entry) if !is_cve(&entry.cve) => tally.broken(&place, "its cveID is no CVE id"),
            Ok(entry) if !is_day(&entry.date_added) => {
                tally.broken(&place, "its dateAdded is not written YYYY-MM-DD");
            }
            Ok(entry) => {
                let ransomware = entry.known_ransomware_campaign_use == "Known";
                sink(&entry.cve, Exploited { since: entry.date_added, ransomware });
            }
        }
    }
}

/// Reads the table of scores: CSV, compressed with gzip or plain.
///
/// # Errors
/// If the file cannot be read at all. Lines that cannot be understood are in the tally.
pub fn read_epss(path: &Path, sink: &mut dyn FnMut(&str, Epss)) -> Result<Tally, FeedError> {
    let read = |source| FeedError::Read { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(read)?);
    let is_compressed = file.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
    let mut tally = Tally::default();
    let outcome = if is_compressed {
        let plain = BufReader::new(flate2::bufread::MultiGzDecoder::new(file));
        parse_epss(plain, &mut tally, sink)
    } else {
        parse_epss(file, &mut tally, sink)
    };
    let archive =
        |error: io::Error| FeedError::Archive { path: path.to_owned(), why: error.to_string() };
    outcome.map_err(archive)?;
    Ok(tally)
}

/// Reads the lines of the table of scores.
///
/// # Errors
/// If the reader fails, or what it reads is no such table.
pub fn parse_epss(
    mut lines: impl BufRead,
    tally: &mut Tally,
    sink: &mut dyn FnMut(&str, Epss),
) -> io::Result<()> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut has_heading = false;
    let mut line = Vec::new();
    for number in 1..=MOST_LINES {
        line.clear();
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return if has_heading { Ok(()) } else { Err(wrong("it has no line of headings")) };
        }
        if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            return Err(wrong("a line is too long"));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        // The model and the day of the scores stand in a comment at the top.
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !has_heading {
            if text != "cve,epss,percentile" {
                return Err(wrong("its headings are not cve,epss,percentile"));
            }
            has_heading = true;
            continue;
        }
        tally.records += 1;
        match score(text) {
            Ok((cve, epss)) => sink(cve, epss),
            Err(why) => tally.broken(&format!("line {number}"), &why),
        }
    }
    Err(wrong("it has too many lines"))
}

fn score(line: &str) -> Result<(&str, Epss), String> {
    let mut fields = line.split(',');
    let (Some(cve), Some(probability), Some(percentile), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("it does not have three fields".to_owned());
    };
    if !is_cve(cve) {
        return Err("its first field is no CVE id".to_owned());
    }
    Ok((cve, Epss { probability: probability.parse()?, percentile: percentile.parse()? }))
}
