//! The orders of versions, of any three texts: each is an order.
#![no_main]

use std::cmp::Ordering;

use cofferdam_vuln::version::Order;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str, &str)| {
    let (a, b, c) = texts;
    for order in [Order::Debian, Order::Rpm, Order::Apk] {
        let (Ok(ab), Ok(bc), Ok(ac)) =
            (order.compare(a, b), order.compare(b, c), order.compare(a, c))
        else {
            continue;
        };
        assert_eq!(order.compare(a, a), Ok(Ordering::Equal));
        assert_eq!(order.compare(b, a), Ok(ab.reverse()));
        if ab == bc || ab.is_eq() {
            assert_eq!(ac, bc);
        }
    }
});
