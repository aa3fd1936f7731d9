//! The rules behind the gaps of an inventory: what could not be looked at, and what to do about it.

use cofferdam_finding::{Reference, Rule, Severity, Topic};

/// No file of the target names its distribution.
pub const OS_NOT_RECOGNISED: &str = "os-not-recognised";
/// A package database is damaged, cut or in a form that is not understood.
pub const PACKAGE_DATABASE_DAMAGED: &str = "package-database-damaged";
/// A package database was left unread in favour of another.
pub const PACKAGE_DATABASE_NOT_READ: &str = "package-database-not-read";
/// The target has no package database, or an empty one.
pub const NO_PACKAGE_DATABASE: &str = "no-package-database";
/// A file that should have been read was not: too large, or unreadable.
pub const FILE_SKIPPED: &str = "file-skipped";

/// A file that names packages of a language could not be understood in full.
pub const LANGUAGE_FILE_NOT_UNDERSTOOD: &str = "language-file-not-understood";

/// A part of a bill of materials could not be understood.
pub const SBOM_NOT_UNDERSTOOD: &str = "sbom-not-understood";

/// A package has a licence that the policy does not allow.
pub const LICENSE_DENIED: &str = "license-denied";
/// Whether a package's licence is allowed could not be decided.
pub const LICENSE_UNKNOWN: &str = "license-unknown";

/// A part of a VEX document could not be understood.
pub const VEX_NOT_UNDERSTOOD: &str = "vex-not-understood";

/// The advisory database has nothing about the target's distribution.
pub const NO_ADVISORY_DATA: &str = "no-advisory-data";
/// The advisory database is old.
pub const ADVISORY_DATA_STALE: &str = "advisory-data-stale";
/// A version cannot be compared with those of advisories.
pub const VERSION_NOT_COMPARABLE: &str = "version-not-comparable";

/// Image vulnerabilities.
const NIST: &[Reference] = &[Reference::new("NIST SP 800-190", "3.1.1")];
const NIST_AND_OS_RELEASE: &[Reference] = &[
    Reference::new("NIST SP 800-190", "3.1.1"),
    Reference::new(
        "URL",
        "https://www.freedesktop.org/software/systemd/man/latest/os-release.html",
    ),
];

const SPDX: &[Reference] = &[Reference::new(
    "URL",
    "https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/",
)];

/// The rules of this crate. (Vulnerabilities are rules too; they come from the advisory database.)
pub static RULES: &[Rule] = &[
    coverage(
        OS_NOT_RECOGNISED,
        "The distribution could not be recognised",
        Severity::Medium,
        [
            "Looks for the files in which distributions name themselves: etc/os-release, \
                 usr/lib/os-release, and the older etc/alpine-release, etc/lsb-release, \
                 etc/redhat-release (and its relatives), etc/debian_version, etc/arch-release. \
                 None is there, or none that is names a distribution.",
            "Advisories are published for a release of a distribution. Without knowing which \
                 one this is, installed packages can be listed, but not be matched with known \
                 vulnerabilities: that none is reported means nothing.",
            "If the image is built from scratch on purpose, there is nothing to fix, and a \
                 waiver may say so. If it is made from a distribution, keep etc/os-release (the \
                 package base-files, alpine-release, or *-release installs it). If the \
                 distribution is uncommon, check that its os-release sets ID and VERSION_ID.",
        ],
        NIST_AND_OS_RELEASE,
    ),
    coverage(
        PACKAGE_DATABASE_DAMAGED,
        "A package database could not be understood in full",
        Severity::Medium,
        [
            "Reads the databases of dpkg, apk and rpm. In this one, a place was found that is \
                 not as the package manager writes it: the file is cut, a record lacks its name \
                 or version, a checksum or a page does not fit, or the format is another one. \
                 What could be understood is in the inventory all the same.",
            "Packages behind the damage are installed but not listed, so their \
                 vulnerabilities are not reported.",
            "Build the image again, and check that no step of the build edits, truncates or \
                 concatenates the database. On a running system let the package manager check \
                 it: 'dpkg --audit', 'apk audit --system', 'rpmdb --verifydb' (and 'rpmdb \
                 --rebuilddb'). If the package manager itself is content, it is a defect of \
                 Cofferdam; please report it with the database.",
        ],
        NIST,
    ),
    coverage(
        LANGUAGE_FILE_NOT_UNDERSTOOD,
        "A file that names packages of a language could not be understood in full",
        Severity::Low,
        [
            "Reads what package managers of languages leave behind (Python's dist-info, \
                 package.json, jar files, lock files, what Go and cargo-auditable put into \
                 programs, and more). In this file a place is not as it should be: it is cut, is \
                 no archive, nests too deep, or is larger than what is read. What could be \
                 understood is in the inventory all the same.",
            "Packages behind it may be installed but not listed, so their vulnerabilities \
                 are not reported.",
            "See whether the program that uses the file understands it; install the package \
                 again if not. A test's broken file that nothing uses can be left out of the \
                 image, or waived. If the package manager itself is content, it is a defect of \
                 Cofferdam; please report it with the file.",
        ],
        NIST,
    ),
    coverage(
        SBOM_NOT_UNDERSTOOD,
        "A part of a bill of materials could not be understood",
        Severity::Low,
        [
            "Reads bills of materials (CycloneDX, SPDX and Syft JSON, lists of package URLs). \
                 Packages are known by their package URLs; a component has none here, or one that \
                 is not well-formed, or belongs to another distribution than the rest.",
            "A component that cannot be identified is not matched with known \
                 vulnerabilities: that none is reported for it means nothing.",
            "Make the bill of materials with a tool that writes package URLs with their \
                 qualifiers (distro, upstream, epoch, arch), or scan the image itself.",
        ],
        NIST,
    ),
    Rule::new(
        LICENSE_DENIED,
        "A package has a licence that is not allowed",
        Severity::Medium,
        Topic::License,
        [
            "Compares the licences that packages declare with the policy of the settings \
                 scan.allow-licenses and scan.deny-licenses. Expressions are evaluated: of 'A OR B' \
                 one has to be allowed, of 'A AND B' both; an 'or later' allows any later version \
                 that the policy names, and an exception counts if the policy names it.",
            "Who ships the package is bound by its licence. What that asks for (publishing \
                 sources, keeping notices, no commercial use) may be more than can be kept.",
            "Replace the package, or remove it if nothing needs it. If the licence is acceptable \
                 after all, add it to scan.allow-licenses, or write a waiver that says why it is \
                 acceptable for this package.",
        ],
        SPDX,
    ),
    coverage(
        LICENSE_UNKNOWN,
        "Whether a licence is allowed could not be decided",
        Severity::Low,
        [
            "Reads the licences that packages declare: of RPM and apk in their databases, of \
                 Debian in usr/share/doc/PACKAGE/copyright, of languages in their own files. This \
                 one declares none, or something that is no licence expression.",
            "Its licence may be one that the policy does not allow.",
            "Look at the package's own files. If the text means a licence that is fine, add the \
                 text as it stands to scan.allow-licenses, or write a waiver. Images that leave out \
                 usr/share/doc do not say what licences their packages have.",
        ],
        SPDX,
    ),
    coverage(
        VEX_NOT_UNDERSTOOD,
        "A part of a VEX document could not be understood",
        Severity::Low,
        [
            "Reads statements about vulnerabilities in products (OpenVEX, CSAF, CycloneDX). This \
                 one names no vulnerability or no product that can be recognised, has a status \
                 that its format does not know, or says that something is not affected and not \
                 why.",
            "It closes nothing: a finding that it may be about is still in the report. What it \
                 says of a vulnerability that does matter is missing from the report too.",
            "Correct the document, or ask its author to. Products are recognised by package URL, \
                 by digest, or by the CPE name of a distribution; 'not_affected' needs a \
                 justification or an impact statement.",
        ],
        NIST,
    ),
    coverage(
        PACKAGE_DATABASE_NOT_READ,
        "A second package database was not read",
        Severity::Low,
        [
            "Finds more than one database of rpm, or changes that the package manager wrote \
                 beside its database and has not merged into it. Of several rpm databases the \
                 newest format counts (SQLite, then NDB, then Berkeley DB), and of several in \
                 that format the one in usr/lib/sysimage/rpm, then var/lib/rpm, then \
                 usr/share/rpm; one without packages counts only if there is no other.",
            "What is only in the other file is not in the inventory. Usually that is right: \
                 it is what a conversion to another format left behind.",
            "Remove the database that the package manager of the image does not use; for \
                 interrupted runs of dpkg, run 'dpkg --configure -a' in the image's build.",
        ],
        NIST,
    ),
    coverage(
        NO_PACKAGE_DATABASE,
        "No package database was found",
        Severity::Medium,
        [
            "Looks for the databases of dpkg (var/lib/dpkg/status and status.d), apk \
                 (lib/apk/db/installed and usr/lib/apk/db/installed) and rpm (rpmdb.sqlite, \
                 Packages.db or Packages in var/lib/rpm, usr/lib/sysimage/rpm or usr/share/rpm). \
                 None is there, or none lists a package.",
            "What is in the target is then unknown, and with it whether it is vulnerable. \
                 Deleting the database to make an image smaller hides its packages from every \
                 scanner; it removes no vulnerability.",
            "If the image holds a single static program, there is nothing to fix, and a \
                 waiver may say so. Else keep the package manager's database in the image, or \
                 scan an SBOM made during the build.",
        ],
        NIST,
    ),
    coverage(
        FILE_SKIPPED,
        "A file was not read",
        Severity::Medium,
        [
            "A file that an analyser asked for was left out: it is larger than the limit, \
                 its path or link leaves the root, or reading it failed.",
            "What the file would have told (packages, configuration) is missing from the \
                 report.",
            "See the reason given. For a size limit, raise it if the file is one that you \
                 trust; for a failed read, check the permissions of the directory or fetch the \
                 image again.",
        ],
        NIST,
    ),
    coverage(
        NO_ADVISORY_DATA,
        "There is no advisory data for the distribution",
        Severity::Medium,
        [
            "Looks up the target's distribution and release in the advisory database. The \
                 database has nothing about it: nobody publishes advisories for it in a form \
                 that Cofferdam reads, or the database was built without that source.",
            "The packages are listed, but were compared with nothing: that no vulnerability \
                 is reported means nothing.",
            "See what the database covers with 'cofferdam db status', and bring it up to \
                 date with 'cofferdam db update'. If the release is newer than the database, an \
                 update brings it; if the distribution is not supported at all, scan with a tool \
                 of its publisher.",
        ],
        NIST,
    ),
    coverage(
        ADVISORY_DATA_STALE,
        "Advisory data is old",
        Severity::Low,
        [
            "Compares the date of the advisories for the target's distribution with today. \
                 The newest are more than 30 days old.",
            "Distributions publish advisories every day. Vulnerabilities that became known \
                 since are not reported, and fixes that came out since are reported as missing.",
            "Run 'cofferdam db update'. Where there is no network, run it elsewhere, 'cofferdam \
                 db export FILE' there and 'cofferdam db import FILE' here.",
        ],
        NIST,
    ),
    coverage(
        VERSION_NOT_COMPARABLE,
        "A version could not be compared",
        Severity::Low,
        [
            "Compares the version of every installed package with the versions that advisories \
                 name, in the order that the package manager uses. One of the two is not a \
                 version as that package manager defines it.",
            "Whether the package is vulnerable could not be decided. It may be.",
            "If it is the version of an installed package, correct how the package is built. \
                 If it is the version of an advisory, compare by hand and tell the publisher of \
                 the advisory.",
        ],
        NIST,
    ),
];

const fn coverage(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    explain: [&'static str; 3],
    references: &'static [Reference],
) -> Rule {
    Rule::new(id, title, severity, Topic::Coverage, explain, references)
}
