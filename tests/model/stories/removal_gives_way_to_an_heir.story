# An item that is to be removed gives way to another with its identifier: the RemoveProfile that is queued for it
# would take that one away.
story seed=1304 devices=5 items=6 slots=4
declare item=0 value=2
declare item=4 value=2
enroll device=3 server=0
pass server=0 stage=1
assign device=-1 item=0
connect device=3 server=0
round
assign absent=1 device=-1 item=0
pass stage=2
  assign device=-1 item=4
