#!/bin/sh
# Submits a push with curl: submit.sh PUSH_ID [NOT_BEFORE]
PPG=http://127.0.0.1:8080/pap
LISTENER=http://127.0.0.1:8090/

control() {
  cat <<END
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"
  [<?wap-pap-ver supported-versions="2.0,1.*"?>]>
<pap>
  <push-message push-id="$1" ppg-notify-requested-to="$LISTENER"
                deliver-after-timestamp="${2:-2001-01-01T00:00:00Z}">
    <address address-value="WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"/>
    <quality-of-service delivery-method="confirmed"/>
  </push-message>
</pap>
END
}

# The content goes through octet for octet, so it is put together here and not by curl's --form.
{
  printf -- '--next\r\nContent-Type: application/xml; charset=UTF-8\r\n\r\n'
  control "$@"
  printf '\r\n--next\r\nContent-Type: text/vnd.wap.si\r\n'
  printf 'X-Wap-Application-Id: x-wap-application:wml.ua\r\n\r\n'
  printf '<si><indication href="http://weather.example.org/storm">Storm</indication></si>'
  printf '\r\n--next--\r\n'
} | curl -sS -u weather:only-an-example -w '\nHTTP %{http_code}\n' \
  -H 'Content-Type: multipart/related; boundary=next; type="application/xml"' \
  --data-binary @- "$PPG"
