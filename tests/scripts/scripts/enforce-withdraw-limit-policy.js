var amount = $evaluation.getContext().getAttributes().getValue('withdrawal.amount');
if (amount && amount.asDouble(0) <= 100) {
    $evaluation.grant();
}
