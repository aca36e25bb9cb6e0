$evaluation.grant();
throw new Error('on purpose');
