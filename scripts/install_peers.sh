#!/bin/sh
# Installs the Debian packages that tests and benchmarks talk to. May be run again at any time.
# Where it may not install, it says what is missing and how to get it, and still succeeds: the
# tests that need a missing peer say so themselves (and fail where CI=true).
set -eu

# The one list: package, a file that proves it is there, what needs it.
peers() {
	cat <<-'LIST'
		postgresql-15 /usr/lib/postgresql/15/bin/initdb tests of the ledger on PostgreSQL
		kannel-extras /usr/lib/kannel/test/test_ppg the gateway's tests with Kannel's initiator
		kannel /usr/sbin/bearerbox the initiator's tests and the benchmark beside Kannel's gateway
		tshark /usr/bin/tshark the tests that another decoder agrees with what goes over the air
		libwbxml2-utils /usr/bin/xml2wbxml the tests and benchmarks of WBXML beside libwbxml
		dbus /usr/bin/dbus-daemon the tests of ModemManager and of the client on a D-Bus
		libglib2.0-bin /usr/bin/gdbus the tests of the client on a D-Bus with other programs
		systemd /usr/bin/busctl the tests of the client on a D-Bus with other programs
		python3-dbus /usr/lib/python3/dist-packages/dbus/__init__.py an application by another D-Bus library
		python3-gi /usr/lib/python3/dist-packages/gi/__init__.py the main loop of that library
		ofono-scripts /usr/share/ofono/scripts/test-push-notification oFono's own push notification agent
		haproxy /usr/sbin/haproxy the tests with a web server as OTA-HTTP terminal
		nginx /usr/sbin/nginx the tests with a web server as OTA-HTTP terminal
		nodejs /usr/bin/node the tests with an SMSC that is not ours
		npm /usr/bin/npm installing that SMSC
		mosquitto /usr/sbin/mosquitto the benchmark of idle connections beside an MQTT broker
		kamailio /usr/sbin/kamailio the tests of OTA-SIP through a SIP core
		kamailio-tls-modules /usr/share/doc/kamailio-tls-modules/copyright the same over TLS
		sip-tester /usr/bin/sipp the tests of OTA-SIP with foreign clients and gateways
		baresip-core /usr/bin/baresip the test of OTA-SIP with a foreign user agent
	LIST
}

# The SMSC of another make, from npm by its lock file.
smsc=$(dirname "$0")/../tests/interop/smsc
install_smsc() {
	[ -d "$smsc/node_modules/smpp" ] && return
	if ! command -v npm >/dev/null; then
		echo "missing: npm package smpp (the tests with an SMSC that is not ours)"
	elif ! npm ci --prefix "$smsc" --no-audit --no-fund --silent; then
		echo "could not install the npm package smpp"
	fi
}

missing=
while read -r package proof purpose; do
	[ -e "$proof" ] || missing="$missing $package"
	[ -e "$proof" ] || echo "missing: $package ($purpose)"
done <<LIST
$(peers)
LIST

if [ -z "$missing" ]; then
	install_smsc
	echo "test peers: all installed"
	exit 0
fi

# shellcheck disable=SC2086 # a list of words
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "to install them: sudo apt-get install --no-install-recommends$missing"
	exit 0
fi

# Tests start their own servers: packages must not start theirs. The policy is taken back at the
# end, and one that was there before is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
echo "installing$missing"
apt-get update >"$log" 2>&1 || tail -n 3 "$log"
for package in $missing; do
	if ! apt-get install -y --no-install-recommends "$package" >"$log" 2>&1; then
		tail -n 3 "$log"
		echo "could not install $package"
	fi
done
rm -f "$log"
install_smsc
