// An SMSC of the npm package "smpp", for tests: node server.js SYSTEM_ID PASSWORD
//
// Writes one JSON object a line to its standard output: first the port that it listens on, then
// each PDU that comes. Takes every message, gives it an id of ten digits, and, if a receipt is
// asked for, sends one in the text form, for numbers ending in 9 that of a failure.
'use strict';

const smpp = require('smpp');

const [systemId, password] = process.argv.slice(2);
const states = new Map();
let taken = 0;

function tell(object) {
	const plain = (key, value) => {
		if (value && value.type === 'Buffer') {
			return Buffer.from(value.data).toString('hex');
		}
		return value;
	};
	process.stdout.write(JSON.stringify(object, plain) + '\n');
}

function bind(session, pdu) {
	const right = pdu.system_id === systemId && pdu.password === password;
	session.send(pdu.response(right ? { system_id: 'npm' } : { command_status: smpp.ESME_RINVPASWD }));
	if (!right) {
		session.close();
	}
}

function receipt(session, pdu, id) {
	const failed = pdu.destination_addr.endsWith('9');
	states.set(id, failed ? 5 : 2);
	const text =
		`id:${id} sub:001 dlvrd:00${failed ? 0 : 1} submit date:2611211200 done date:2611211201 ` +
		`stat:${failed ? 'UNDELIV' : 'DELIVRD'} err:${failed ? '01B' : '000'} text:`;
	session.deliver_sm(
		{
			source_addr_ton: pdu.dest_addr_ton,
			source_addr_npi: pdu.dest_addr_npi,
			source_addr: pdu.destination_addr,
			destination_addr: pdu.source_addr,
			esm_class: 4,
			short_message: text,
		},
		(response) => tell({ receipt: id, status: response.command_status })
	);
}

function take(session, pdu) {
	taken += 1;
	const id = String(taken).padStart(10, '0');
	tell({ pdu, id });
	session.send(pdu.response({ message_id: id }));
	if (pdu.registered_delivery & 1) {
		receipt(session, pdu, id);
	}
}

const server = smpp.createServer((session) => {
	session.on('error', () => session.close());
	session.on('bind_transceiver', (pdu) => bind(session, pdu));
	session.on('bind_transmitter', (pdu) => bind(session, pdu));
	session.on('bind_receiver', (pdu) => bind(session, pdu));
	session.on('submit_sm', (pdu) => take(session, pdu));
	session.on('data_sm', (pdu) => take(session, pdu));
	session.on('query_sm', (pdu) => {
		const state = states.get(pdu.message_id);
		session.send(
			pdu.response(
				state === undefined
					? { command_status: smpp.ESME_RQUERYFAIL }
					: { message_id: pdu.message_id, message_state: state }
			)
		);
	});
	session.on('enquire_link', (pdu) => session.send(pdu.response()));
	session.on('unbind', (pdu) => {
		session.send(pdu.response());
		session.close();
	});
});

server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
