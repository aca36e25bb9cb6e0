$evaluation.grant();
var all = [];
for (;;) {
    all.push('x'.repeat(10000) + all.length);
}
