$evaluation.deny();
