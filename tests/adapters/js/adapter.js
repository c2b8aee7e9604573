const attempts = {
  files: () => typeof require,
  environment: () => typeof process,
  network: () => typeof XMLHttpRequest + ' ' + String(globalThis.WebSocket),
};

export const lifecycle = {
  describe: () => ({ name: 'probe', version: '0.0.0', summary: '', parameters: '' }),
  configure() {},
};

export const listentry = {
  check(_instance, { val }) {
    if (val === 'crash') {
      throw new Error('told to crash');
    }
    while (val === 'loop') {}
    const message = attempts[val]?.() ?? '';
    const code = message === '' ? 0 : 7;
    return { code, message, validDuration: 0n, validUseCount: 0, directResponse: undefined };
  },
};
