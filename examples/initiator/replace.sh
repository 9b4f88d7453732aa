#!/bin/sh
# Replaces a push for those who still wait for it: replace.sh EARLIER_PUSH_ID NEW_PUSH_ID
PPG=http://127.0.0.1:8080/pap

control() {
  cat <<END
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"
  [<?wap-pap-ver supported-versions="2.0,1.*"?>]>
<pap>
  <push-message push-id="$2" replace-push-id="$1" replace-method="pending-only">
    <address address-value="WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"/>
  </push-message>
</pap>
END
}

{
  printf -- '--next\r\nContent-Type: application/xml; charset=UTF-8\r\n\r\n'
  control "$@"
  printf '\r\n--next\r\nContent-Type: text/vnd.wap.si\r\n'
  printf 'X-Wap-Application-Id: x-wap-application:wml.ua\r\n\r\n'
  printf '<si><indication href="http://weather.example.org/sun">Sunshine</indication></si>'
  printf '\r\n--next--\r\n'
} | curl -sS -u weather:only-an-example -w '\nHTTP %{http_code}\n' \
  -H 'Content-Type: multipart/related; boundary=next; type="application/xml"' \
  --data-binary @- "$PPG"
