//! Packages found in files, advisories from feeds, version orders, and the match.
