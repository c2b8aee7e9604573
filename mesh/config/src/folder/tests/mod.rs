mod changes;
mod fixture;
mod hostile;
mod storm;
