// Lets a service be changed during business hours alone.
//
// Reading is always allowed, and so is everything to people on call. Answers hold to the end of the minute, so
// that the caches of sidecars end with the working day.

import { now } from 'mixmesh:host/clock@0.1.0';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

// The host holds parameters against this before `configure`.
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    days: {
      type: 'array',
      items: { enum: DAYS },
      description: 'The days of work. By default Monday to Friday.',
    },
    from: { type: 'string', description: 'When work begins, such as `08:30`. By default 08:00.' },
    to: { type: 'string', description: 'When work ends, `24:00` at the latest. By default 18:00.' },
    utc_offset: { type: 'string', description: 'The time zone, such as `+01:00`. By default +00:00.' },
    read_methods: {
      type: 'array',
      items: { type: 'string' },
      description: 'Methods that are always allowed. By default GET, HEAD and OPTIONS.',
    },
    on_call: {
      type: 'array',
      items: { type: 'string' },
      description: 'Users who may do everything at any time.',
    },
  },
};

const DEFAULTS = {
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '08:00',
  to: '18:00',
  utc_offset: '+00:00',
  read_methods: ['GET', 'HEAD', 'OPTIONS'],
  on_call: [],
};

const OK = 0;
const PERMISSION_DENIED = 7;
const MINUTE = 60_000_000_000n;
const MINUTES_OF_DAY = 24 * 60;

let hours;

export const lifecycle = {
  describe() {
    return {
      name: 'business-hours',
      version: '0.1.0',
      summary: 'Lets a service be changed during business hours alone.',
      parameters: JSON.stringify(SCHEMA),
    };
  },

  configure(configuration) {
    const given = { ...DEFAULTS, ...JSON.parse(configuration.parameters) };
    const problems = [];
    const from = minutes(given.from, /^()([0-9]{1,2}):([0-9]{2})$/);
    const to = minutes(given.to, /^()([0-9]{1,2}):([0-9]{2})$/);
    const offset = minutes(given.utc_offset, /^([+-])([0-9]{2}):([0-9]{2})$/);
    const check = (field, value, example) => {
      if (value === undefined) {
        problems.push({ field, message: `"${given[field]}" is no time, ${example} would be` });
      }
    };
    check('from', from, '08:30');
    check('to', to, '17:00');
    check('utc_offset', offset, '+01:00');
    if (from >= to) {
      problems.push({ field: 'to', message: `${given.to} is not after ${given.from}` });
    }
    if (problems.length > 0) {
      throw problems;
    }
    hours = {
      from,
      to,
      offset,
      days: new Set(given.days),
      readMethods: new Set(given.read_methods),
      onCall: new Set(given.on_call),
      closed: `changes are made ${given.days.join(', ') || 'never'}, ${given.from} to ${given.to}`,
    };
  },
};

export const authorization = {
  check(_instance, subject, action) {
    if (hours.readMethods.has(action.method) || hours.onCall.has(subject.user)) {
      return answer(OK, '');
    }
    return isOpen(now()) ? answer(OK, '') : answer(PERMISSION_DENIED, hours.closed);
  },
};

// Minutes since midnight; undefined when `text` is no time of a day.
function minutes(text, form) {
  const [, sign, hour, minute] = form.exec(text) ?? [];
  const sum = Number(hour) * 60 + Number(minute);
  return sum <= MINUTES_OF_DAY && Number(minute) < 60 ? (sign === '-' ? -sum : sum) : undefined;
}

// Whether work is done at a moment, in nanoseconds since 1970, which began on a Thursday.
function isOpen(moment) {
  const local = Number(moment / MINUTE) + hours.offset;
  const day = DAYS[(Math.floor(local / MINUTES_OF_DAY) + 4) % 7];
  const minute = local % MINUTES_OF_DAY;
  return hours.days.has(day) && minute >= hours.from && minute < hours.to;
}

function answer(code, message) {
  const validDuration = MINUTE - (now() % MINUTE);
  return { code, message, validDuration, validUseCount: undefined, directResponse: undefined };
}
