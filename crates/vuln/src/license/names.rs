//! Names of licences that are not those of SPDX.

/// Names that are more than one word, or mean something else than their words do.
const WHOLE: &[(&str, &str)] = &[
    ("apache 2.0", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache license, version 2.0", "Apache-2.0"),
    ("apache software license", "Apache-2.0"),
    ("apache software license 2.0", "Apache-2.0"),
    ("asl 2.0", "Apache-2.0"),
    ("mit license", "MIT"),
    ("the mit license", "MIT"),
    ("bsd license", "BSD-3-Clause"),
    ("new bsd license", "BSD-3-Clause"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("3-clause bsd license", "BSD-3-Clause"),
    ("bsd 2-clause", "BSD-2-Clause"),
    ("simplified bsd license", "BSD-2-Clause"),
    ("isc license", "ISC"),
    ("isc license (iscl)", "ISC"),
    ("mozilla public license 2.0 (mpl 2.0)", "MPL-2.0"),
    ("mozilla public license 2.0", "MPL-2.0"),
    ("python software foundation license", "PSF-2.0"),
    ("eclipse public license 2.0", "EPL-2.0"),
    ("the unlicense (unlicense)", "Unlicense"),
    ("public domain", "LicenseRef-public-domain"),
    ("gnu general public license v2 (gplv2)", "GPL-2.0-only"),
    ("gnu general public license v2 or later (gplv2+)", "GPL-2.0-or-later"),
    ("gnu general public license v3 (gplv3)", "GPL-3.0-only"),
    ("gnu general public license v3 or later (gplv3+)", "GPL-3.0-or-later"),
    ("gnu lesser general public license v3 (lgplv3)", "LGPL-3.0-only"),
    ("gnu lesser general public license v3 or later (lgplv3+)", "LGPL-3.0-or-later"),
    ("gnu affero general public license v3", "AGPL-3.0-only"),
];

/// Words as Fedora, Debian and others wrote them, in lower case.
const WORDS: &[(&str, &str)] = &[
    ("gplv2", "GPL-2.0-only"),
    ("gplv2+", "GPL-2.0-or-later"),
    ("gplv3", "GPL-3.0-only"),
    ("gplv3+", "GPL-3.0-or-later"),
    ("gpl+", "GPL-1.0-or-later"),
    ("lgplv2", "LGPL-2.0-only"),
    ("lgplv2+", "LGPL-2.0-or-later"),
    ("lgplv2.1", "LGPL-2.1-only"),
    ("lgplv2.1+", "LGPL-2.1-or-later"),
    ("lgplv3", "LGPL-3.0-only"),
    ("lgplv3+", "LGPL-3.0-or-later"),
    ("agplv3", "AGPL-3.0-only"),
    ("agplv3+", "AGPL-3.0-or-later"),
    ("gpl-1", "GPL-1.0-only"),
    ("gpl-1+", "GPL-1.0-or-later"),
    ("gpl-2", "GPL-2.0-only"),
    ("gpl-2+", "GPL-2.0-or-later"),
    ("gpl-3", "GPL-3.0-only"),
    ("gpl-3+", "GPL-3.0-or-later"),
    ("lgpl-2", "LGPL-2.0-only"),
    ("lgpl-2+", "LGPL-2.0-or-later"),
    ("lgpl-2.1", "LGPL-2.1-only"),
    ("lgpl-2.1+", "LGPL-2.1-or-later"),
    ("lgpl-3", "LGPL-3.0-only"),
    ("lgpl-3+", "LGPL-3.0-or-later"),
    ("agpl-3", "AGPL-3.0-only"),
    ("agpl-3+", "AGPL-3.0-or-later"),
    ("gfdl-1.2", "GFDL-1.2-only"),
    ("gfdl-1.3", "GFDL-1.3-only"),
    ("gfdl-1.3+", "GFDL-1.3-or-later"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2.0", "MPL-2.0"),
    ("expat", "MIT"),
    ("apache2", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("asl2.0", "Apache-2.0"),
    ("artistic", "Artistic-1.0"),
    ("psf", "PSF-2.0"),
    ("public-domain", "LicenseRef-public-domain"),
];

/// Identifiers of SPDX that had an exception in them, and are deprecated.
const WITH_EXCEPTION: &[(&str, &str)] = &[
    ("-with-autoconf-exception", "Autoconf-exception-2.0"),
    ("-with-bison-exception", "Bison-exception-2.2"),
    ("-with-classpath-exception", "Classpath-exception-2.0"),
    ("-with-font-exception", "Font-exception-2.0"),
    ("-with-gcc-exception", "GCC-exception-2.0"),
];

/// The identifier of a licence that is named by a whole text.
pub(super) fn whole(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    WHOLE.iter().find(|(name, _)| *name == lower).map(|(_, id)| *id)
}

/// The identifier of a licence that is named by a word; the word itself if it is not known.
pub(super) fn word(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    WORDS.iter().find(|(name, _)| *name == lower).map_or(text, |(_, id)| id)
}

/// Takes an exception out of an identifier.
pub(super) fn split_exception(word: &str) -> (&str, Option<&'static str>) {
    let lower = word.to_ascii_lowercase();
    let found = WITH_EXCEPTION
        .iter()
        .find_map(|(suffix, exception)| Some((lower.strip_suffix(suffix)?.len(), *exception)));
    match found {
        Some((end, exception)) => (&word[..end], Some(exception)),
        None => (word, None),
    }
}

/// Whether an identifier, in lower case, is of GNU's licences, which say `-only` or `-or-later`.
pub(super) fn is_gnu(lower: &str) -> bool {
    ["gpl-", "lgpl-", "agpl-", "gfdl-"].iter().any(|family| {
        lower
            .strip_prefix(family)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// The family and the version of an identifier: `GPL` and `2.0`, `MPL` and `1.1`.
pub(super) fn family(id: &str) -> Option<(String, Vec<u32>)> {
    let lower = id.to_ascii_lowercase();
    let bare = lower.strip_suffix("-or-later").or_else(|| lower.strip_suffix("-only"));
    let bare = bare.unwrap_or(&lower);
    let (family, version) = bare.rsplit_once('-')?;
    let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    Some((family.to_owned(), numbers.ok()?))
}
