//! `GET /realms/{realm}` (wire §1.3).
