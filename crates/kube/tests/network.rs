//! Network policies: what the API says they do, and that the analysis of whole clusters agrees with
//! asking about one pair and one port at a time.

mod network {
    mod naive;
    mod properties;
    mod random;
    mod semantics;
}
