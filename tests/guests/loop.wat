;; A guest that never ends.
(component
  (core module $code
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "assess") (param i32 i32) (result i32) (loop $on (br $on)) unreachable))
  (core instance $code (instantiate $code))
  (type $failure (record (field "code" string) (field "message" string)))
  (func $assess (param "question" (list u8)) (result (result (list u8) (error $failure)))
    (canon lift (core func $code "assess") (memory (core memory $code "memory"))
      (realloc (core func $code "realloc"))))
  (component $decisions
    (type $record (record (field "code" string) (field "message" string)))
    (import "import-type-failure" (type $failure (eq $record)))
    (import "import-func-assess" (func $assess
      (param "question" (list u8)) (result (result (list u8) (error $failure)))))
    (export $exported "failure" (type $record))
    (export "assess" (func $assess) (func
      (param "question" (list u8)) (result (result (list u8) (error $exported))))))
  (instance $decisions (instantiate $decisions
    (with "import-type-failure" (type $failure))
    (with "import-func-assess" (func $assess))))
  (export "countersign:pdp/decisions@0.1.0" (instance $decisions)))
