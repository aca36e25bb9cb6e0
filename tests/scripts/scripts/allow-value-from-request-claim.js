if ($evaluation.context.attributes.containsValue('request-claim', 'expected-value')) {
    $evaluation.grant();
}
