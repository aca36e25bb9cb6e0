//! Well-known documents (wire §1.1, §1.2).
