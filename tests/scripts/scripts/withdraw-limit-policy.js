var amount = $evaluation.getContext().getAttributes().getValue('my.bank.account.withdraw.value');
if (amount && amount.asDouble(0) <= 100) {
    $evaluation.grant();
}
