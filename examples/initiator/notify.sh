#!/bin/sh
# Plays the gateway: sends a result notification to a listener, to see what it answers.
LISTENER=http://127.0.0.1:8090/

curl -sS -w '\nHTTP %{http_code}\n' \
  -H 'Content-Type: application/xml; charset=UTF-8' --data-binary @- "$LISTENER" <<END
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"
  [<?wap-pap-ver supported-versions="2.0,1.*"?>]>
<pap>
  <resultnotification-message push-id="${1:-1@weather.example.org}" message-state="delivered"
                              code="1000" event-time="2026-01-01T12:00:00Z">
    <address address-value="WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"/>
  </resultnotification-message>
</pap>
END
