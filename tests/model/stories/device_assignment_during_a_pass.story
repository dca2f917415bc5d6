# A profile is assigned to one device, which connects, while a pass over that device runs: the pass must not
# open the queue for what it did not see.
story seed=50 devices=3 items=6 slots=4
enroll device=0 server=0
declare item=1 value=2
round
declare item=5 value=0
assign device=-1 item=5
unenroll device=0 server=0 silently=1
pass stage=1
  assign device=0 item=1
  enroll device=0 server=0
