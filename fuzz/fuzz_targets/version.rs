//! The orders of versions, of any three texts: each is an order. Ranges of any text.
#![no_main]

use std::cmp::Ordering;

use cofferdam_vuln::version::{Order, npm_range::Range, vers::Vers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str, &str)| {
    let (a, b, c) = texts;
    for order in Order::all() {
        let (Ok(ab), Ok(bc), Ok(ac)) =
            (order.compare(a, b), order.compare(b, c), order.compare(a, c))
        else {
            continue;
        };
        assert_eq!(order.compare(a, a), Ok(Ordering::Equal));
        assert_eq!(order.compare(b, a), Ok(ab.reverse()));
        // Two package managers have an order that is none among unusual versions.
        if (ab == bc || ab.is_eq()) && !matches!(order, Order::Alpm | Order::Maven) {
            assert_eq!(ac, bc);
        }
    }
    let _ = Range::parse(a).map(|range| range.contains(b));
    let _ = Vers::parse(a).map(|range| range.contains(b));
});
