#!/bin/sh
# Cancels a push for all who still wait for it: cancel.sh PUSH_ID
PPG=http://127.0.0.1:8080/pap

curl -sS -u weather:only-an-example -w '\nHTTP %{http_code}\n' \
  -H 'Content-Type: application/xml; charset=UTF-8' --data-binary @- "$PPG" <<END
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"
  [<?wap-pap-ver supported-versions="2.0,1.*"?>]>
<pap>
  <cancel-message push-id="$1"/>
</pap>
END
