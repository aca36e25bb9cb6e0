var from = $evaluation.getContext().getAttributes();
var known = ['127.0.0.1', '0:0:0:0:0:0:0:1'];
if (known.some(function (address) { return from.containsValue('kc.client.network.ip_address', address); })) {
    $evaluation.grant();
}
