var from = $evaluation.getContext().getAttributes();
var known = ['127.3.3.3', '0:0:0:0:0:ffff:7f03:303'];
if (known.some(function (address) { return from.containsValue('kc.client.network.ip_address', address); })) {
    $evaluation.grant();
}
