$evaluation.grant();
for (;;) {
}
