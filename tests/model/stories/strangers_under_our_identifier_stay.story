# A user replaces a profile under our identifier, and its assignment ends: no RemoveProfile may hit the stranger once
# a list has shown it.
story seed=1 devices=2 items=2 slots=2
declare item=0 value=0
assign device=-1 item=0
enroll device=0 server=0
round server=0
round server=0
advance minutes=5
round server=0
user_installs device=0 number=1 slot=0
unassign device=-1 item=0
round server=0
advance minutes=5
round server=0
advance minutes=45
round server=0
advance minutes=400
round server=0
